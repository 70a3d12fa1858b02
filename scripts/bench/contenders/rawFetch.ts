import type { Row } from "../rows.ts"
import type { Connect } from "./contender.ts"
import { connect, path } from "./loop.ts"

export const rawFetch: Connect = (serverUrl) =>
  connect(
    async (limit, offset) => (await (await fetch(serverUrl + path(limit, offset))).json()) as Array<Row>,
    async () => {}
  )
