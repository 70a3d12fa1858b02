import type { Digest } from "../rows.ts"

/** What work a contender is given. */
export interface Work {
  readonly pageSize: number
  /** Pages asked for ahead of the one that is wanted. */
  readonly ahead: number
  /** How calls with `limit=1` are made: so many, so many at once. */
  readonly calls: number
  readonly concurrency: number
}

/** A way of reading messages, connected to a server. */
export interface Contender {
  /** Reads every row. */
  readonly history: (work: Work, digest: Digest) => Promise<void>
  readonly calls: (work: Work, digest: Digest) => Promise<void>
  readonly close: () => Promise<void>
}

export type Connect = (serverUrl: string) => Promise<Contender>
