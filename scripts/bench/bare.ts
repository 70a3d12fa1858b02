// What one would write without the SDK: loops that trust the list to stand still, never retry and know no time limit.
import { Agent, request } from "undici"
import type { Row } from "./rows.ts"

export interface Work {
  readonly pageSize: number
  /** Pages asked for ahead of the one that is wanted. */
  readonly ahead: number
  /** Calls for one row, and how many of them at once; without it a whole history is read. */
  readonly calls?: readonly [count: number, concurrency: number]
}

/** Connected to a server, does the work and hands over the rows. */
export type Read = (work: Work, seen: (rows: Iterable<Row>) => void) => Promise<void>

/** By name: connects to the server at a url. */
export type Contenders = Readonly<Record<string, (serverUrl: string) => Promise<Read>>>

type GetPage = (path: string) => Promise<ReadonlyArray<Row>>

const loop =
  (getPage: GetPage): Read =>
  async ({ ahead, calls, pageSize }, seen) => {
    const get = (limit: number, offset: number) => getPage(`/api/messages/history?limit=${limit}&offset=${offset}`)
    if (calls !== undefined) {
      let [left] = calls
      const caller = async () => {
        while (left-- > 0) seen(await get(1, 0))
      }
      return void (await Promise.all(Array.from({ length: calls[1] }, caller)))
    }
    const flight: Array<ReturnType<GetPage>> = []
    for (let offset = 0, last = false; !last; ) {
      for (; flight.length <= ahead; offset += pageSize) flight.push(get(pageSize, offset))
      const rows = (await flight.shift()) ?? []
      seen(rows)
      last = rows.length < pageSize
    }
    await Promise.all(flight)
  }

export const contenders: Contenders = {
  "raw-undici": async (url) => {
    const dispatcher = new Agent()
    return loop(async (path) => JSON.parse(await (await request(url + path, { dispatcher })).body.text()))
  },
  "raw-fetch": async (url) => loop(async (path) => (await fetch(url + path)).json() as Promise<Array<Row>>)
}
