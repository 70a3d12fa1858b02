/** Kinds of fields that schemas are made of. */
import * as Schema from "effect/Schema"

/** A word the server owns: the known ones complete in an editor, any other passes. */
export const openUnion = <Known extends string>(): Schema.Schema<Known | (string & {}), string> => Schema.String

/** Left out, `undefined` and `null` all mean that the server said nothing. */
export const maybe = <A, I>(schema: Schema.Schema<A, I>) => Schema.optionalWith(schema, { nullable: true })

/** Made once for all fields: it takes time when the module is loaded. */
export const maybeString = maybe(Schema.String)
export const maybeNumber = maybe(Schema.Finite)

/** May be left out, and has a value all the same. */
export const withDefault = <A, I>(schema: Schema.Schema<A, I>, value: A) =>
  Schema.optionalWith(schema, { default: () => value })

/** The Effect 4 edition has a smaller one. */
export const DurationFromMillis = Schema.DurationFromMillis
