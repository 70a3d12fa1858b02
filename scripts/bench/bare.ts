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

/** Does the work and hands over the rows. */
export type Read = (work: Work, seen: (rows: Iterable<Row>) => void) => Promise<unknown>

const loop =
  (getPage: (path: string) => Promise<ReadonlyArray<Row>>): Read =>
  async ({ ahead, calls, pageSize }, seen) => {
    const get = (limit: number, offset: number) => getPage(`/api/messages/history?limit=${limit}&offset=${offset}`)
    if (calls !== undefined) {
      let [left] = calls
      const caller = async () => {
        while (left-- > 0) seen(await get(1, 0))
      }
      return Promise.all(Array.from({ length: calls[1] }, caller))
    }
    const flight: Array<ReturnType<typeof get>> = []
    for (let offset = 0, last = false; !last; ) {
      for (; flight.length <= ahead; offset += pageSize) flight.push(get(pageSize, offset))
      const rows = (await flight.shift()) ?? []
      seen(rows)
      last = rows.length < pageSize
    }
    return Promise.all(flight)
  }

const dispatcher = new Agent()

/** By name: connects to the server at a url. */
export const contenders: Record<string, (serverUrl: string) => Read> = {
  "raw-undici": (url) =>
    loop(async (path) => JSON.parse(await (await request(url + path, { dispatcher })).body.text())),
  "raw-fetch": (url) => loop(async (path) => (await fetch(url + path)).json() as Promise<Array<Row>>)
}
