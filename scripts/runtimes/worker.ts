// The test of a worker: workerd hands over its bindings.
import { ask, overFetch } from "./program.ts"

export default {
  test: async (_: unknown, { urls }: { readonly urls: string }) => console.log(await ask(overFetch, JSON.parse(urls)))
}
