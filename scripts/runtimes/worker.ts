// The test of a worker: workerd hands over its bindings.
import { ask, overFetch } from "./program.ts"

export default {
  test: (_: unknown, { urls }: { readonly urls: string }) => ask(overFetch, JSON.parse(urls))
}
