/**
 * `layer` of @effect/vitest puts its own `effect` and `scoped` on the one `it` of a worker, and leaves them there: the tests of
 * later files would run with its services, and a live clock. Each file begins with the library's.
 */
import { effect, it, layer, scoped } from "@effect/vitest"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/TestClock"
import * as TestContext from "effect/TestContext"
import * as TestServices from "effect/TestServices"

Object.assign(it, { effect, layer, scoped })

/**
 * `it.effect` gives each test a `TestContext`, whose layers take 4 ms of CPU time to build. Only its clock differs from one test
 * to the next, and that takes 0.3 ms. @effect/vitest holds the object, so it is filled anew.
 */
const services = Layer.succeedContext(TestServices.liveServices)
Object.assign(TestContext.TestContext, TestClock.defaultTestClock.pipe(Layer.provideMerge(services)))
