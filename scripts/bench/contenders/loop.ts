// What one would write without the SDK. They trust the list to stand still, never retry, and know no time limit.

import type { Row } from "../rows.ts"
import type { Connect } from "./contender.ts"

export type GetPage = (limit: number, offset: number) => Promise<ReadonlyArray<Row>>

export const connect = (getPage: GetPage, close: () => Promise<void>): ReturnType<Connect> =>
  Promise.resolve({
    history: async ({ ahead, pageSize }, digest) => {
      const flight: Array<ReturnType<GetPage>> = []
      for (let offset = 0; ; ) {
        for (; flight.length <= ahead; offset += pageSize) flight.push(getPage(pageSize, offset))
        const rows = (await flight.shift()) ?? []
        digest.add(rows)
        if (rows.length < pageSize) break
      }
      // Those past the end are of no use. They come on their own time.
      for (const page of flight) page.catch(() => {})
    },
    calls: async ({ calls, concurrency }, digest) => {
      let left = calls
      const loop = async () => {
        while (left-- > 0) digest.add(await getPage(1, 0))
      }
      await Promise.all(Array.from({ length: concurrency }, loop))
    },
    close
  })

export const path = (limit: number, offset: number) => `/api/messages/history?limit=${limit}&offset=${offset}`
