import { Agent, request } from "undici"
import type { Connect } from "./contender.ts"
import { connect, path } from "./loop.ts"

/** The limit: the engine that the SDK has too, connections that are kept, JSON.parse, and nothing is checked. */
export const undici: Connect = (serverUrl) => {
  const dispatcher = new Agent()
  return connect(
    async (limit, offset) => {
      const { body } = await request(serverUrl + path(limit, offset), { dispatcher })
      return JSON.parse(await body.text())
    },
    () => dispatcher.destroy()
  )
}
