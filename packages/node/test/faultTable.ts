/**
 * Bad input and faults, and the right answer to each: `rows` are played on real sockets, `absent` are those that cannot be.
 * `lines` is the table to print. Nothing here needs a test runner.
 */

import { historyAbsent, historyRows } from "./faultHistory.ts"
import { replyAbsent, replyRows } from "./faultReplies.ts"
import { requestAbsent, requestRows } from "./faultRequests.ts"
import { type Absent, answerOf, type Row } from "./faultRow.ts"
import { secretRows } from "./faultSecrets.ts"
import { streamAbsent, streamRows } from "./faultStreams.ts"
import { transportAbsent, transportRows } from "./faultTransport.ts"

export const rows: ReadonlyArray<Row> = [
  ...requestRows,
  ...replyRows,
  ...transportRows,
  ...historyRows,
  ...secretRows,
  ...streamRows
]

export const absent: ReadonlyArray<Absent> = [
  ...requestAbsent,
  ...replyAbsent,
  ...transportAbsent,
  ...historyAbsent,
  ...streamAbsent
]

export interface Line {
  readonly cases: ReadonlyArray<number>
  readonly name: string
  readonly call: string
  readonly answer: string
}

/** In the order of the cases. */
export const lines: ReadonlyArray<Line> = [
  ...rows.map(({ call, cases, expected, name }) => ({ cases, name, call, answer: answerOf(expected) })),
  ...absent.map(({ cases, name, reason }) => ({ cases, name, call: "", answer: reason }))
].sort((a, b) => (a.cases[0] ?? 0) - (b.cases[0] ?? 0))
