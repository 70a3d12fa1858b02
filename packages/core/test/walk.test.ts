import { assert, describe, it } from "@effect/vitest"
import * as Place from "../src/internal/history/place.ts"
import * as Walk from "../src/internal/history/walk.ts"
import { draws } from "./draws.ts"
import * as Model from "./ModelServer.ts"

type Change = (server: Model.ModelServer, requests: number) => void

/** Makes one change, after the answer to request `n`. */
const once =
  (n: number, change: (server: Model.ModelServer) => void): Change =>
  (server, requests) => {
    if (requests === n) change(server)
  }

/** Walks a model, and expects every survivor once and in order. */
const flawless = (
  options: Model.ModelServerOptions,
  pageSize: number,
  between?: Change,
  end: Model.End = "end"
): Model.Run & { readonly server: Model.ModelServer } => {
  const server = new Model.ModelServer(options)
  const began = server.ids()
  const run = Model.run(server, { pageSize, ...(between && { between }) })
  assert.deepStrictEqual(Model.audit(began, server, run.emitted, run.end === "end"), Model.flawless)
  assert.strictEqual(run.end, end)
  return { ...run, server }
}

/** Where rows change places, or every row that was given is deleted, none is lost or repeated all the same. */
const flawlessButOrder = (options: Model.ModelServerOptions, pageSize: number, between: Change, latency = 0) => {
  const server = new Model.ModelServer(options)
  const began = server.ids()
  const run = Model.run(server, { pageSize, between, latency })
  const { lost, repeated } = Model.audit(began, server, run.emitted)
  assert.deepStrictEqual({ lost, repeated }, { lost: [], repeated: [] })
  return run
}

/** What the walk makes of rows with these ids, all of one session. */
const interpret = (walk: Walk.Walk, ids: Iterable<string>, at = 0) => {
  const rows = [...ids].map((id) => ({ id, sessionId: "s" }))
  return Walk.interpret(walk, { request: Walk.request(walk), rows, askedAt: at, answeredAt: at })
}

describe("walk", () => {
  describe("over a list that stands still", () => {
    it.each([
      [0, 10],
      [1, 10],
      [5, 5],
      [6, 5],
      [10, 5],
      [49, 50],
      [50, 50],
      [51, 50],
      [100, 100],
      [1000, 1000],
      [2500, 1000],
      [3000, 7]
    ])("%i rows by pages of %i come once, in order", (size, pageSize) => {
      const { emitted, server, walk } = flawless({ size }, pageSize)
      assert.deepStrictEqual(emitted, server.ids())
      assert.deepStrictEqual(walk.run.stats, {
        requests: server.requests.length,
        duplicatesDropped: 0,
        stepBacks: 0,
        jumps: 0,
        tiesReordered: 0,
        unreadable: 0
      })
    })

    it.each([0, 1, 2, 3, 7, 40])("%i rows by pages of 1 to 3 come once, in order", (size) => {
      for (const pageSize of [1, 2, 3]) {
        const { emitted, server } = flawless({ size }, pageSize)
        assert.deepStrictEqual(emitted, server.ids())
        assert.isAtMost(server.requests.length, Math.ceil(size / pageSize) + 2)
      }
    })

    it.each([0, 1, 99, 100, 101, 5000, draws(20_000, 100_000)])(
      "%i rows by pages of 100 cost at most two requests more than pages",
      (size) => {
        const { server } = flawless({ size }, 100)
        assert.isAtMost(server.requests.length, Math.ceil(size / 100) + 2)
      }
    )

    it("begins with one request for exactly one page", () => {
      assert.deepStrictEqual(Walk.request(Walk.start(10)), { offset: 0, limit: 10 })
    })

    it("never asks for more than the server's longest page", () => {
      const { server } = flawless({ size: 5000 }, 1000)
      for (const { limit = 0 } of server.requests) assert.isAtMost(limit, 1000)
    })

    it.each([
      [1, 300],
      [2, 300],
      [3, 300],
      [4, 300],
      [5, 300],
      [6, 300],
      [10, 1000],
      [100, 5000]
    ])("a server that clamps to %i gives all of %i rows", (clamp, size) => {
      const { emitted, server } = flawless({ size, clamp }, 1000)
      assert.deepStrictEqual(emitted, server.ids())
    })

    it.each([10, 100])("a limit clamped to %i costs the overlap, and three requests", (clamp) => {
      const { server } = flawless({ size: 100 * clamp, clamp }, 1000)
      assert.isAtMost(server.requests.length, Math.ceil((100 * clamp) / (clamp - Math.min(4, clamp >> 2))) + 3)
    })

    it("a limit clamped to 1 costs one request for each row, and two", () => {
      assert.lengthOf(flawless({ size: 50, clamp: 1 }, 100).server.requests, 52)
    })
  })

  describe("while messages arrive", () => {
    it.each([1, 2, 4, 5, 9, 10, 11, 14, 15, 50, 300])("%i at once", (count) => {
      for (const n of [1, 2, 5, 9]) {
        const { emitted } = flawless(
          { size: 100 },
          10,
          once(n, (server) => server.insert(count))
        )
        assert.lengthOf(emitted, 100)
      }
    })

    it.each([1, 3, 9])("%i before every request", (count) => {
      const { emitted, walk } = flawless({ size: 200 }, 20, (server) => server.insert(count))
      assert.lengthOf(emitted, 200)
      assert.isAbove(walk.run.stats.duplicatesDropped, 0)
    })

    it("as many as a page before every request", () => {
      flawless({ size: 200 }, 20, (server) => server.insert(20))
    })

    it("more than the walk remembers, while it is deep in the list", () => {
      for (const count of [1300, 1500, 4000]) {
        const { emitted, walk } = flawless(
          { size: 5000 },
          100,
          once(30, (server) => server.insert(count))
        )
        assert.lengthOf(emitted, 5000)
        assert.isAtMost(walk.run.stats.requests, 52 + 2 * Math.ceil(count / 100))
        assert.isAbove(walk.run.stats.stepBacks, 0)
      }
    })

    it("into the very list that was read to its end", () => {
      const { emitted } = flawless(
        { size: 30 },
        10,
        once(3, (server) => server.insert(5))
      )
      assert.lengthOf(emitted, 30)
    })

    it("into a list of one row", () => {
      for (const count of [1, 2, 5, 40]) {
        const { walk } = flawless(
          { size: 1 },
          10,
          once(1, (server) => server.insert(count))
        )
        assert.strictEqual(walk.run.stats.tiesReordered, 0)
      }
    })

    it("into an empty list, which has ended", () => {
      assert.deepStrictEqual(
        flawless(
          {},
          10,
          once(1, (server) => server.insert(5))
        ).emitted,
        []
      )
    })
  })

  describe("while messages are deleted", () => {
    it.each([1, 3, 4, 5, 10, 14, 15, 40])("%i of those that were read", (count) => {
      for (const n of [5, 6]) {
        for (const at of [0, 1, 5]) {
          const { walk } = flawless(
            { size: 200 },
            10,
            once(n, (server) => server.remove(at, count))
          )
          if (count > 4) assert.isAbove(walk.run.stats.stepBacks, 0)
        }
      }
    })

    it("the anchors", () => {
      for (const anchors of [1, 2, 3, 4, 5, 20, 49]) {
        flawless(
          { size: 200 },
          10,
          once(5, (server) => server.remove(50 - anchors, anchors))
        )
        flawless(
          { size: 200 },
          10,
          once(5, (server) => server.remove(50 - anchors, anchors + 5))
        )
      }
    })

    it("everything that was read", () => {
      for (const n of [1, 5, 19]) {
        const { emitted } = flawless(
          { size: 200 },
          10,
          once(n, (server) => server.remove(0, n * 10))
        )
        assert.lengthOf(emitted, 200)
      }
    })

    it("everything", () => {
      for (const n of [1, 5, 20]) {
        const { emitted } = flawless(
          { size: 200 },
          10,
          once(n, (server) => server.clear())
        )
        assert.lengthOf(emitted, n * 10)
      }
    })

    it("everything, and others written", () => {
      for (const n of [1, 5, 20]) {
        const { end, restarted } = flawlessButOrder(
          { size: 200 },
          10,
          once(n, (server) => server.clear().insert(70))
        )
        assert.deepStrictEqual({ end, restarted }, { end: "end", restarted: true })
      }
    })

    it("everything that was read, and as many written", () => {
      for (const n of [1, 5, 12]) {
        const { end, restarted } = flawlessButOrder(
          { size: 200 },
          10,
          once(n, (server) => server.remove(0, n * 10).insert(n * 10))
        )
        assert.deepStrictEqual({ end, restarted }, { end: "end", restarted: true })
      }
    })

    it("a whole session", () => {
      for (const n of [1, 4, 10]) {
        flawless(
          { size: 300, sessions: 2 },
          10,
          once(n, (server) => server.removeSession(0))
        )
      }
    })

    it("what was not read yet", () => {
      const { emitted } = flawless(
        { size: 200 },
        10,
        once(3, (server) => server.remove(60, 100))
      )
      assert.lengthOf(emitted, 100)
    })

    it("as many as arrive, so that only the set changes", () => {
      flawless({ size: 300 }, 10, (server, requests) => server.remove((requests * 7) % 90).insert())
    })

    it("every session of which a row is remembered: the place is lost, and it says so", () => {
      const { emitted, walk } = flawless(
        { size: 4000, sessions: 4000 },
        100,
        once(25, (server) => server.remove(1300, 1200)),
        "anchorLost"
      )
      assert.lengthOf(emitted, 2500)
      assert.isAtMost(walk.run.stats.requests, 150)
    })

    it("all that was read last, where the sessions before are remembered", () => {
      const server = new Model.ModelServer({ size: 4000 })
      server.rows = server.rows.map((row, index) => ({ ...row, sessionId: `s${index >> 7}` as typeof row.sessionId }))
      for (const row of server.rows) server.all.set(row.id, row)
      const began = server.ids()
      const between = once(25, (model) => {
        for (let session = 6; session < 20; session++) model.removeSession(session)
      })
      const run = Model.run(server, { between })
      assert.deepStrictEqual(Model.audit(began, server, run.emitted), Model.flawless)
      assert.deepInclude(run, { end: "end", restarted: false })
    })

    it("all of those that were read last but a few that are remembered", () => {
      flawless(
        { size: 4000 },
        100,
        once(25, (server) => server.remove(2010, 490))
      )
    })
  })

  describe("over a server that does not page", () => {
    it.each([10, 50, 1000])("one that ignores offset is found out, with pages of %i", (pageSize) => {
      const { emitted, server } = flawless({ size: 5000, ignoresOffset: true }, pageSize, undefined, "repeatedPages")
      // The first page, its repetition for another offset, and once more for offset 0.
      assert.lengthOf(server.requests, 3)
      assert.lengthOf(emitted, pageSize)
      assert.deepStrictEqual(emitted, server.ids().slice(0, emitted.length))
    })

    it("one that ignores offset and clamps is found out after two repeats", () => {
      for (const clamp of [2, 3, 5, 10, 100]) {
        const { emitted, server } = flawless({ size: 500, ignoresOffset: true, clamp }, 200, undefined, "repeatedPages")
        assert.lengthOf(emitted, clamp)
        assert.lengthOf(server.requests, 3)
      }
    })

    it("one that ignores offset while messages arrive", () => {
      const server = new Model.ModelServer({ size: 200, ignoresOffset: true })
      const run = Model.run(server, { pageSize: 10, between: (model) => model.insert() })
      assert.notStrictEqual(run.end, "endless")
      assert.isAtMost(server.requests.length, 350)
      assert.strictEqual(new Set(run.emitted).size, run.emitted.length)
    })

    it("one that ignores limit gives everything at once", () => {
      const { emitted, server } = flawless({ size: 200, ignoresLimit: true }, 10)
      assert.lengthOf(emitted, 200)
      assert.isAtMost(server.requests.length, 3)
    })

    it("one that ignores limit while messages come and go", () => {
      flawless(
        { size: 200, ignoresLimit: true },
        10,
        once(1, (server) => server.insert(30))
      )
      flawless(
        { size: 200, ignoresLimit: true },
        10,
        once(1, (server) => server.remove(5, 60))
      )
    })

    it.each([11, 20, 200])("one that ignores both ends with all of %i rows", (size) => {
      const { emitted, server } = flawless({ size, ignoresLimit: true, ignoresOffset: true }, 10)
      assert.lengthOf(emitted, size)
      assert.isAtMost(server.requests.length, 4)
    })

    it.each([
      [1, "repeatedPages"],
      [2, "repeatedPages"],
      [3, "end"],
      [9, "end"],
      [10, "repeatedPages"],
      [11, "end"]
    ] as const)("one that ignores both and has %i rows gives them, and ends by %s", (size, end) => {
      const { emitted } = flawless({ size, ignoresLimit: true, ignoresOffset: true }, 10, undefined, end)
      assert.lengthOf(emitted, size)
    })

    it("one that alternates two pages", () => {
      let walk = Walk.start(6)
      const emitted: Array<string> = []
      let end = ""
      for (let n = 0; n < 20 && end === ""; n++) {
        const interpretation = interpret(walk, (n % 2 === 0 ? "abcdef" : "ghijkl").slice(0, Walk.request(walk).limit))
        walk = interpretation.walk
        if (interpretation._tag === "Rows") emitted.push(...interpretation.rows.map((row) => row.id))
        if (interpretation._tag === "Stalled") end = interpretation.reason
        assert.notStrictEqual(interpretation._tag, "End")
      }
      assert.strictEqual(end, "repeatedPages")
      assert.isBelow(walk.run.stats.requests, 12)
      assert.strictEqual(new Set(emitted).size, emitted.length)
    })

    it("one that cuts an answer behind the last row that was given", () => {
      const first = interpret(Walk.start(10), "abcde")
      // A row was deleted: the one behind the last moved to its offset.
      const behind = interpret(first.walk, "")
      assert.deepStrictEqual(Walk.request(behind.walk), { offset: 4, limit: 2 })
      for (const [answer, tag] of [
        ["de", "NoRows"],
        ["cde", "NoRows"],
        ["ef", "Rows"],
        ["e", "End"]
      ] as const) {
        assert.strictEqual(interpret(behind.walk, answer)._tag, tag)
      }
    })

    it("one whose pages hold a row twice", () => {
      const first = interpret(Walk.start(4), "abbc")
      assert.deepInclude(first, { _tag: "Rows" })
      assert.deepStrictEqual(first._tag === "Rows" && first.rows.map(({ id }) => id), ["a", "b", "c"])
      assert.strictEqual(first.walk.run.stats.duplicatesDropped, 1)
      const empty = interpret(interpret(first.walk, "bbc").walk, "")
      assert.strictEqual(interpret(empty.walk, "c")._tag, "End")
    })

    it("one whose pages are longer than was asked for, or shorter without reason", () => {
      for (const length of [1, 3, 7, 25, 60]) {
        const server = new Model.ModelServer({ size: 200 })
        const began = server.ids()
        const page = server.page.bind(server)
        server.page = ({ limit = 50, offset = 0 }) =>
          page({ offset, limit: server.requests.length % 2 === 0 ? limit : Math.max(6, Math.min(length, limit * 2)) })
        const run = Model.run(server, { pageSize: 20 })
        assert.deepStrictEqual(Model.audit(began, server, run.emitted), Model.flawless)
        assert.strictEqual(run.end, "end")
      }
    })

    it.each([
      ["faster and faster", undefined, "noProgress", (n: number) => n],
      ["by more than a clamped page, steadily", 10, "noProgress", () => 13],
      ["by more than a page, where pages are not clamped: it is read with longer ones", undefined, "end", () => 13]
    ] as const)("one whose list grows %s", (_, clamp, end, growth) => {
      const { server } = flawless(
        { size: 150, ...(clamp && { clamp }) },
        10,
        (model, requests) => model.insert(growth(requests)),
        end
      )
      assert.isAtMost(server.requests.length, 350)
    })

    it("one that answers every offset with rows that were never read", () => {
      let walk = Walk.start(5)
      let id = 0
      let end = ""
      for (let n = 0; n < 10_000 && end === ""; n++) {
        const rows = Array.from({ length: Walk.request(walk).limit }, () => `${id++}`)
        const interpretation = interpret(walk, rows)
        walk = interpretation.walk
        if (interpretation._tag === "Stalled") end = interpretation.reason
      }
      assert.oneOf(end, ["anchorLost", "noProgress"])
      assert.isBelow(walk.run.stats.requests, 5000)
    })
  })

  describe("rows of one second", () => {
    it("that change places are counted", () => {
      const swap: Change = once(3, (server) => {
        const [a, b] = [server.rows[27], server.rows[28]] as [Model.ModelMessage, Model.ModelMessage]
        server.rows.splice(27, 2, b, a)
      })
      assert.strictEqual(flawless({ size: 100 }, 10).walk.run.stats.tiesReordered, 0)
      assert.isAbove(flawlessButOrder({ size: 100 }, 10, swap).walk.run.stats.tiesReordered, 0)
    })

    it("that change places at the end are counted", () => {
      const swap: Change = once(3, (server) => {
        server.rows.push(...server.rows.splice(28, 1))
      })
      const { end, walk } = flawlessButOrder({ size: 30 }, 10, swap)
      assert.strictEqual(end, "end")
      assert.isAbove(walk.run.stats.tiesReordered, 0)
    })

    it("that arrive or are deleted in the newest second are no drift", () => {
      for (const perSecond of [2, 30, 100]) {
        for (const change of [
          (model: Model.ModelServer) => model.arrive(3, false, 0),
          (model: Model.ModelServer) => model.remove(0, 2)
        ]) {
          const { end, walk } = flawlessButOrder({ size: 100, perSecond }, 10, once(2, change))
          assert.strictEqual(end, "end")
          assert.strictEqual(walk.run.stats.tiesReordered, 0)
        }
      }
    })

    it("that come to stand among those that were read are counted, once their second is over", () => {
      const change = once(8, (server) => server.insert(1, server.rows[76]?.second))
      const { walk } = flawlessButOrder({ size: 200, perSecond: 2 }, 10, change, 500)
      assert.strictEqual(walk.run.stats.tiesReordered, 1)
    })
  })

  it("is a value: to interpret twice says the same, and changes nothing", () => {
    const server = new Model.ModelServer({ size: 100 })
    const { walk } = Model.run(server, { pageSize: 10, maxPages: 4 })
    const before = JSON.stringify(Place.encode(walk.place))
    const ids = server.page(Walk.request(walk)).map((row) => row.id)
    const [one, other] = [interpret(walk, ids), interpret(walk, ids)]
    assert.deepStrictEqual(Place.encode(one.walk.place), Place.encode(other.walk.place))
    assert.deepStrictEqual(one.walk.run, other.walk.run)
    assert.strictEqual(JSON.stringify(Place.encode(walk.place)), before)
  })

  it("remembers no more of a long history than of a short one", () => {
    const server = new Model.ModelServer({ size: 20_000, sessions: 3000 })
    const { pages } = Model.run(server, { pageSize: 100 })
    for (const { walk } of pages) {
      const { present, recent, sessions } = walk.place
      assert.isAtMost(recent.log.ranks.size, 2048 + 104)
      assert.isAtMost(sessions.length, 64)
      assert.isAtMost(present.open.length + present.settled.length, 100)
      assert.isAtMost(walk.run.pageStarts.length, 8)
    }
    assert.isBelow(JSON.stringify(Place.encode(pages.at(-1)?.walk.place as Place.Place)).length, 16_000)
  })
})
