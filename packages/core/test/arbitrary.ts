import * as Arbitrary from "effect/Arbitrary"
import type * as FastCheck from "effect/FastCheck"
import type * as Schema from "effect/Schema"

/** Values of a schema's type. */
export const arbitraryOf = <A, I>(schema: Schema.Schema<A, I>): FastCheck.Arbitrary<A> => Arbitrary.make(schema)
