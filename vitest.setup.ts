/**
 * `layer` of @effect/vitest puts its own `effect` and `scoped` on the one `it` of a worker, and leaves them there: the tests of
 * later files would run with its services, and a live clock. Each file begins with the library's.
 */
import { effect, it, layer, scoped } from "@effect/vitest"

Object.assign(it, { effect, layer, scoped })
