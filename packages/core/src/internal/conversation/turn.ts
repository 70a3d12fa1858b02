/**
 * The rules by which a turn is found among the rows of a session, and known to be complete.
 *
 * An event never settles anything: events can be lost, doubled, or those of another client. The rows of the export do,
 * because the server writes a finish reason into a row when it is done with it. The rows whose ids were noted before the
 * send (the fence) never belong to the turn.
 */
import type { SessionEvent } from "../../SessionEvent.ts"

type Failed = Extract<SessionEvent, { readonly _tag: "Failed" }>

/** A row of the export. */
export interface Row {
  readonly id: string
  readonly role: string
  readonly content?: string | undefined
  /** Absent while the row is being written, and for ever where the server crashed meanwhile. */
  readonly finishReason?: string | undefined
  readonly toolCalls?: ReadonlyArray<{ readonly id: string }> | undefined
}

export interface Question {
  readonly text: string
  /** The server stores more than the text: a reminder of the plan mode, for example. */
  readonly extended: boolean
  readonly fence: ReadonlySet<string>
}

/** What a look at the rows shows. */
export type Look =
  /** The server has not stored the question. */
  { readonly _tag: "Unseen" } | { readonly _tag: "Running" | "Done"; readonly ids: ReadonlyArray<string> }

/** The rules for one question. */
export interface Rules {
  /** Takes notice of an event. `true`: something ended, so look at the rows now. */
  readonly hear: (event: SessionEvent) => boolean
  /** What the rows of the export show. */
  readonly read: (rows: ReadonlyArray<Row>) => Look
  /**
   * With callbacks a run may go on after a final row. Then `Completed` is the sign, as long as no event can have been
   * missed: the turn goes to the row it names. `undefined`: it has not come.
   */
  readonly extend: (rows: ReadonlyArray<Row>, ids: ReadonlyArray<string>) => ReadonlyArray<string> | undefined
  /** The first failure that was heard of since the run began. */
  readonly failure: () => Failed | undefined
  /** Whether events may have been missed. */
  readonly gap: () => boolean
}

type Pending = "assistant" | "tool" | "reason"

/** A user's row and what the agent wrote after it. */
interface Run {
  readonly ids: Array<string>
  /** What has still to come. Nothing: the run is done. */
  readonly pending: Array<Pending>
  /** It began before the fence. */
  readonly isOld: boolean
  /** The tool calls of its last assistant row. */
  calls: ReadonlyArray<string>
}

/** What comes after an assistant row. */
const after = (finishReason: string): ReadonlyArray<Pending> =>
  finishReason === "" ? ["reason"] : finishReason === "tool_use" ? ["tool"] : []

export const make = ({ extended, fence, text }: Question): Rules => {
  const isOurs = (content: string) => content === text || (extended && content.startsWith(text))
  /** The tool calls that events told of. */
  const calls = new Set<string>()
  const completed = new Set<string>()
  let ownId: string | undefined
  let begun = false
  let gap = false
  let failure: Failed | undefined

  /** What failed before the run began was another run. */
  const begin = () => {
    if (!begun) failure = undefined
    begun = true
  }

  /**
   * Several clients may write into one session, and no row says to which run it belongs: it is one that waits for such a
   * row. Where several do, nobody can tell, and they are one run from then on. Old runs may have crashed: only those of
   * which events told count among several.
   */
  const toRuns = (rows: ReadonlyArray<Row>): ReadonlyArray<Run> => {
    const runs: Array<Run> = []
    let last: Run | undefined
    /** The run that waits for such a row, which has now come. */
    const take = (pending: Pending): Run | undefined => {
      const waiting = runs.filter((run) => run.pending.includes(pending))
      const alive = waiting.filter((run) => !run.isOld || run.calls.some((call) => calls.has(call)))
      const [run, ...others] = alive.length > 0 ? alive : waiting.slice(-1)
      if (run === undefined) return
      for (const other of others) {
        run.ids.push(...other.ids)
        run.pending.push(...other.pending)
        runs.splice(runs.indexOf(other), 1)
      }
      run.pending.splice(run.pending.indexOf(pending), 1)
      return run
    }
    for (const { finishReason = "", id, role, toolCalls = [] } of rows) {
      let run = last
      if (role === "user") {
        run = { ids: [], pending: ["assistant"], isOld: fence.has(id), calls: [] }
        runs.push(run)
      } else if (role === "assistant") {
        run = take("assistant") ?? runs.at(-1)
        run?.pending.push(...after(finishReason))
        if (run !== undefined) run.calls = toolCalls.map((call) => call.id)
      } else if (role === "tool") {
        run = take("tool")
        run?.pending.push("assistant")
        run ??= runs.at(-1)
      }
      run?.ids.push(id)
      last = run
    }
    return runs
  }

  return {
    hear: (event) => {
      switch (event._tag) {
        case "MessageCreated":
          if (ownId === undefined && isOurs(event.text) && !fence.has(event.messageId)) {
            ownId = event.messageId
            failure = undefined
            begun = true
          }
          return false
        case "Thinking":
        case "Text":
          begin()
          return false
        case "ToolCall":
          begin()
          calls.add(event.id)
          return false
        case "Completed":
          if (event.messageId !== undefined) completed.add(event.messageId)
          return true
        case "Failed":
          failure ??= event
          return true
        case "Reconnected":
          gap = true
          return true
        default:
          return false
      }
    },
    read: (rows) => {
      const own = rows.find(({ content = "", id, role }) =>
        ownId === undefined ? role === "user" && !fence.has(id) && isOurs(content) : id === ownId
      )
      const run = own && toRuns(rows).find(({ ids }) => ids.includes(own.id))
      if (run === undefined) return { _tag: "Unseen" }
      const members = new Set(run.ids)
      // What is one run with ours may have begun before it.
      const turn = rows.slice(rows.indexOf(own as Row)).filter(({ id }) => members.has(id))
      return { _tag: run.pending.length > 0 ? "Running" : "Done", ids: turn.map(({ id }) => id) }
    },
    extend: (rows, ids) => {
      if (gap) return ids
      const from = rows.findIndex(({ id }) => id === ids.at(-1))
      const to = rows.map(({ id }) => completed.has(id)).lastIndexOf(true)
      return to < from ? undefined : [...ids, ...rows.slice(from + 1, to + 1).map(({ id }) => id)]
    },
    failure: () => failure,
    gap: () => gap
  }
}
