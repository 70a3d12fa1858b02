import { inspect } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Inspectable from "effect/Inspectable"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { Pcg } from "../../testing/src/internal/pcg.ts"
import { type BackendMessage, HistoryCursor, type HistoryPage, type Service } from "../src/index.ts"
import * as Cursor from "../src/internal/history/cursor.ts"
import { draws } from "./draws.ts"
import * as Model from "./ModelServer.ts"

const CursorText = Schema.parseJson(HistoryCursor)
const save = Schema.encodeSync(CursorText)
const load = Schema.decodeSync(CursorText)

const pagesOf = (history: Service, options: Parameters<Service["streamHistoryPages"]>[0]) =>
  Effect.map(Stream.runCollect(history.streamHistoryPages(options)), Chunk.toReadonlyArray)

const idsOf = (pages: ReadonlyArray<HistoryPage>) =>
  pages.flatMap(({ messages }) => messages.map((row: BackendMessage): string => row.id))

describe("HistoryCursor", () => {
  it.effect("resumes after every page of a list that stands still", () =>
    Effect.gen(function* () {
      const server = new Model.ModelServer({ size: 95 })
      const history = Model.service(server)
      const pages = yield* pagesOf(history, { pageSize: 10 })
      for (const [index, { cursor }] of pages.entries()) {
        const rest = yield* pagesOf(history, { pageSize: 10, from: load(save(cursor)) })
        assert.deepStrictEqual(idsOf([...pages.slice(0, index + 1), ...rest]), server.ids())
      }
    })
  )

  it.effect("resumes as it is, without being encoded", () =>
    Effect.gen(function* () {
      const server = new Model.ModelServer({ size: 50 })
      const history = Model.service(server)
      const [first] = yield* pagesOf(history, { pageSize: 20 })
      const rest = yield* pagesOf(history, { pageSize: 7, from: first?.cursor })
      assert.deepStrictEqual(idsOf(rest), server.ids().slice(20))
    })
  )

  it.effect("resumes with another page size, and counts anew", () =>
    Effect.gen(function* () {
      const server = new Model.ModelServer({ size: 100 })
      const history = Model.service(server)
      const pages = yield* pagesOf(history, { pageSize: 10 })
      const from = load(save(pages[4]?.cursor as HistoryCursor))
      for (const pageSize of [1, 3, 1000]) {
        const rest = yield* pagesOf(history, { pageSize, from })
        assert.deepStrictEqual(idsOf(rest), server.ids().slice(50))
        assert.strictEqual(rest[0]?.stats.requests, 1)
      }
    })
  )

  it.effect("after the last page is the end, until more is there", () =>
    Effect.gen(function* () {
      const server = new Model.ModelServer({ size: 30 })
      const history = Model.service(server)
      const last = (yield* pagesOf(history, { pageSize: 10 })).at(-1) as HistoryPage
      const from = load(save(last.cursor))
      assert.deepStrictEqual(yield* pagesOf(history, { from }), [])
      server.insert(40)
      assert.deepStrictEqual(yield* pagesOf(history, { from }), [])
    })
  )

  it("loses and repeats nothing at any page boundary, with changes between", () => {
    const scenarios = draws(40, 250)
    let boundaries = 0
    let stalls = 0
    for (let seed = 0; seed < scenarios; seed++) {
      const random = new Pcg(seed, 7)
      const { change, drawn, pageSize, server } = Model.scenario(seed, { ...Model.calm, size: 150 })
      const began = server.ids()
      const whole = Model.run(server, { pageSize })
      const before: Array<string> = []
      for (const [index, { ids, walk }] of whole.pages.entries()) {
        before.push(...ids)
        const now = [...server.rows]
        for (let n = random.integer(4); n > 0; n--) change(server)
        const text = save(Cursor.fromPlace(walk.place))
        const between = random.integer(2) === 0 ? change : undefined
        const rest = Model.run(server, { from: Cursor.toPlace(load(text)), pageSize, ...(between && { between }) })
        const flaws = Model.auditOld(began, server, [...before, ...rest.emitted], rest.end === "end")
        assert.deepStrictEqual(flaws, Model.flawless, `${JSON.stringify(drawn)} after page ${index + 1}: ${rest.end}`)
        if (rest.end !== "end") stalls++
        boundaries++
        server.rows = now
      }
    }
    assert.isAbove(boundaries, 4 * scenarios)
    assert.isBelow(stalls, boundaries / 50)
  })

  it.effect("resumes in streams with changes between", () =>
    Effect.gen(function* () {
      for (let seed = 1000; seed < 1000 + draws(25, 200); seed++) {
        const { change, drawn, pageSize, server } = Model.scenario(seed, {
          ...Model.calm,
          size: 120,
          clamps: [undefined]
        })
        const began = server.ids()
        const history = Model.service(server, { between: change })
        const emitted: Array<string> = []
        let text: string | undefined
        // Every page is read by a stream of its own, which knows nothing but the text that the last one left.
        for (let n = 0; n < 500; n++) {
          const from = text === undefined ? undefined : load(text)
          const page = yield* Stream.runHead(history.streamHistoryPages({ pageSize, from }))
          if (Option.isNone(page)) break
          emitted.push(...page.value.messages.map((row) => row.id))
          text = save(page.value.cursor)
        }
        assert.deepStrictEqual(Model.auditOld(began, server, emitted), Model.flawless, JSON.stringify(drawn))
      }
    })
  )

  it.effect.each<readonly [number, number]>([
    [100, 35_000],
    [1000, 70_000]
  ])("of pages of %i stays under %i bytes, and holds no text of a message", ([pageSize, bytes]) =>
    Effect.gen(function* () {
      const server = new Model.ModelServer({ size: 3000, sessions: 100 })
      const uuid = (id: string) => `7d2f7c1e-4b0a-4c55-9a43-${id.slice(1).padStart(12, "0")}`
      server.rows = server.rows.map((row) => ({ ...row, id: uuid(row.id) as typeof row.id, userInput: "canary-9c" }))
      for (const { cursor } of yield* pagesOf(Model.service(server), { pageSize })) {
        const text = save(cursor)
        assert.isBelow(text.length, bytes)
        assert.notInclude(text, "canary")
        assert.strictEqual(save(load(text)), text)
      }
    })
  )

  const encoded = {
    version: 2,
    position: 3,
    recent: ["m2", "m1", "m0"],
    open: 3,
    sessions: [["s0", ["m2", "m1", "m0"]]],
    forgot: false,
    fromHead: false,
    present: { open: ["m2", "m1", "m0"], settled: [], whole: false }
  }

  it.effect("shows as one line wherever it is printed, and encodes whole", () =>
    Effect.gen(function* () {
      const [page] = yield* pagesOf(Model.service(new Model.ModelServer({ size: 3 })), {})
      const { cursor } = page as HistoryPage
      assert.deepStrictEqual(JSON.parse(save(cursor)), encoded)
      const line = "HistoryCursor(offset 3)"
      assert.strictEqual(JSON.stringify(cursor), JSON.stringify(line))
      assert.strictEqual(Inspectable.toJSON(cursor), line)
      assert.include(String(cursor), line)
      assert.include(inspect({ cursor }), line)
      assert.notInclude(inspect({ cursor }, { depth: 9 }), "m2")
    })
  )

  it.each<[string, unknown]>([
    ["of version 1", { version: 1, position: 0, recent: [], forgot: false, head: [] }],
    ["of a version that is not known", { ...encoded, version: 3 }],
    ["without a version", { ...encoded, version: undefined }],
    ["with a place before the beginning", { ...encoded, position: -1 }],
    ["with half a place", { ...encoded, position: 1.5 }],
    ["with fewer open rows than none", { ...encoded, open: -1 }],
    ["with ids that are numbers", { ...encoded, recent: [1] }],
    ["without its present", { ...encoded, present: undefined }],
    ["that is null", null],
    ["that is a text", "1"]
  ])("refuses one %s", (_, json) => {
    assert.isTrue(Option.isNone(Schema.decodeUnknownOption(HistoryCursor)(json)))
  })

  it("is known by its brand, and by nothing else", () => {
    const is = Schema.is(HistoryCursor)
    assert.isTrue(is(load(JSON.stringify(encoded))))
    for (const other of [encoded, null, undefined, {}, "cursor", [], Symbol.for("@mix-effect/core/HistoryCursor")]) {
      assert.isFalse(is(other))
    }
  })
})
