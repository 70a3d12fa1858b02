/** Random asks against random backends: what is asked for, what goes wrong, and what has to come out. */
import * as Effect from "effect/Effect"
import type * as Either from "effect/Either"
import { Pcg } from "../../../testing/src/internal/pcg.ts"
import type { Answer, AskError } from "../../src/index.ts"
import { type Faults, generations, ModelBackend, type Run, type Script, type Tool } from "./ModelBackend.ts"

export interface Scenario {
  readonly model: ModelBackend
  readonly text: string
  /** What happens besides, beginning with the ask. */
  readonly besides: Effect.Effect<unknown>
  readonly description: string
}

export const scenario = (seed: number): Scenario => {
  const random = new Pcg(seed)
  const chance = (probability: number) => random.number() < probability
  const pick = <A>(all: ReadonlyArray<A>): A => all[random.integer(all.length)] as A
  const some = (probability: number, max: number) => (chance(probability) ? random.number() * max : 0)

  const script = (name: string): Script => {
    const tools = (): ReadonlyArray<Tool> =>
      Array.from({ length: 1 + random.integer(2) }, () => ({
        name: "bash",
        millis: random.integer(4000),
        permission: chance(0.15)
      }))
    return {
      turns: [
        ...Array.from({ length: random.integer(3) }, (_, turn) => ({
          text: chance(0.2) ? "" : `${name}: let me check ${turn}.`,
          tools: tools()
        })),
        { text: chance(0.1) ? "" : `The answer to ${name}, of ${seed}.` }
      ],
      end: pick([
        "end_turn",
        "end_turn",
        "end_turn",
        "end_turn",
        "end_turn",
        "end_turn",
        "max_tokens",
        "permission_denied",
        "failure",
        "silence"
      ] as const),
      pace: pick([5, 50, 300])
    }
  }

  const generation = pick(generations)
  const faults: Faults = {
    lost: some(0.5, 0.6),
    doubled: some(0.5, 0.6),
    late: some(0.5, 0.6),
    dropped: some(0.5, 0.3),
    refused: some(0.3, 0.8),
    failing: some(0.4, 0.3),
    slow: some(0.2, 0.3),
    latency: pick([0, 20, 200]),
    ...(chance(0.15) && { post: pick(["replyLost", "neverArrived", "slow"] as const) })
  }
  // The stream route needs an open stream, and one client at a time.
  const others = generation === "2025-09-25" ? 0 : pick([0, 0, 1, 2])
  const model = new ModelBackend({ generation, seed, scripts: [script("us")], faults })
  const steps: Array<Effect.Effect<unknown>> = []
  for (let other = 0; other < others; other++) {
    const at = random.integer(8000)
    steps.push(Effect.zipRight(Effect.sleep(at), model.start(`another ${other}`, script(`another ${other}`))))
  }
  if (chance(0.1)) steps.push(Effect.zipRight(Effect.sleep(random.integer(8000)), model.restart(2000)))
  if (chance(0.2)) steps.push(Effect.zipRight(Effect.sleep(random.integer(8000)), model.dropAll))
  // What was there before.
  const before = random.integer(3)
  const history = Effect.forEach(
    Array.from({ length: before }, (_, index) => index),
    (index) => Effect.sync(() => model.past(`before ${index}`, chance(0.2)))
  )
  return {
    model,
    text: "What is it?",
    besides: Effect.zipRight(history, Effect.all(steps, { concurrency: "unbounded" })),
    description: JSON.stringify({ seed, generation, others, faults, script: model.scripts[0] })
  }
}

/**
 * The runs of others that overlap with ours, or with one that does: rows do not say to which run they belong, so nobody can
 * tell them apart in every case.
 */
const mixed = (model: ModelBackend): ReadonlyArray<Run> => {
  const place = (run: Run, at: number) => model.rows.indexOf(run.rows.at(at) as (typeof model.rows)[number])
  const group = new Set(model.own ? [model.own] : [])
  for (const run of [...model.runs, ...model.runs])
    if ([...group].some((one) => place(run, 0) < place(one, -1) && place(run, -1) > place(one, 0))) group.add(run)
  return [...group].filter((run) => run !== model.own)
}

/** What is wrong with an outcome, or nothing. */
export const audit = (model: ModelBackend, outcome: Either.Either<Answer, AskError>): string | undefined => {
  const own = model.own
  const others = mixed(model)
  const ids = own?.rows.map((row) => row.id as string) ?? []
  const same = (rows: ReadonlyArray<{ readonly id: string }>) =>
    JSON.stringify(rows.map((row) => row.id)) === JSON.stringify(ids)
  /** All of ours, beginning with ours, and nothing but what is mixed with it. */
  const holds = (rows: ReadonlyArray<{ readonly id: string }>) => {
    const foreign = rows.filter((row) => !ids.includes(row.id))
    return (
      rows[0]?.id === ids[0] &&
      rows.length - foreign.length === ids.length &&
      foreign.every(({ id }) => others.some((run) => run.rows.some((row) => row.id === id)))
    )
  }
  if (model.sent.length > 1) return `sent ${model.sent.length} times`
  if (model.connections.size > 0) return "a connection is left"
  if (model.mostOpen > 1) return "two connections at once"
  if (outcome._tag === "Right") {
    const { finishReason, messages, text } = outcome.right
    const last = own?.rows.at(-1)
    const shown = messages.map((row) => row.id).join()
    if (JSON.stringify(messages) !== JSON.stringify(model.listed(messages))) return "rows that were not finished"
    if (others.length > 0 && !same(messages))
      return holds(messages) && own?.state !== "running" ? undefined : `mixed: ${shown}, not ${ids}`
    if (own?.state !== "done") return `an answer to a run that is ${own?.state}`
    if (!same(messages)) return `wrong rows: ${shown}, not ${ids}`
    return text !== last?.text || finishReason !== last?.reason ? `wrong text: ${text}` : undefined
  }
  const error = outcome.left
  switch (error._tag) {
    case "AgentFailed":
      if (others.length > 0 && !same(error.messages))
        return holds(error.messages) && own?.state !== "running"
          ? undefined
          : `mixed: a failure of a run that is ${own?.state}`
      if (own?.state !== "failed") return `failed (${error.reason}), and is ${own?.state}`
      if (own.rows.at(-1)?.reason === "permission_denied" && error.reason !== "permissionDenied") return error.reason
      if (error.reason === "cancelled") return "nobody cancelled it"
      return same(error.messages) ? undefined : "wrong rows"
    case "AnswerTimeout":
      // A run of somebody else that never ends may hold up ours.
      return own === undefined || model.runs.some(({ state }) => state === "running" || state === "dead")
        ? undefined
        : "time out of a run that ended"
    default:
      if (model.sent.length === 0) return error.outcome === "notSent" ? undefined : `not sent, and ${error.outcome}`
      return own === undefined && error.outcome === "unknown"
        ? undefined
        : `${error._tag}: ${error.message} (${error.outcome})`
  }
}
