/** The history: loaded as it is scrolled, followed, written to, and used without a mouse. */
import { assert } from "@effect/vitest"
import * as MixServer from "@mix-effect/testing/MixServer"
import axe from "axe-core"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import type { Page } from "playwright"
import { draws } from "../../../packages/core/test/draws.ts"
import { counter, type It, open, readAll, scrollTo, steps, tail, toEnd } from "./Chromium.ts"

/** The offsets at which the history was read, without those of the first page and of polls for new messages. */
const offsets = (server: MixServer.Running) =>
  Effect.map(server.requests, (requests) =>
    requests
      .map(({ target }) => new URL(target, server.url))
      .filter(({ pathname }) => pathname === "/api/messages/history")
      .map(({ searchParams }) => Number(searchParams.get("offset")))
      .filter((offset) => offset > 0)
  )

/** Until the server was asked for new messages once more: whatever the page had in mind, it has done by then. */
const nextPoll = (server: MixServer.Running) =>
  Effect.flatMap(server.requestCount, (before) =>
    server.requestCount.pipe(
      Effect.filterOrFail(
        (now) => now > before,
        () => "not yet"
      ),
      Effect.retry(Schedule.spaced("50 millis")),
      Effect.orDie
    )
  )

const sessionButton = (page: Page, id: string) => page.locator(".session-button", { hasText: id.slice(0, 8) })

const scrollTop = (page: Page) => page.locator("#scroller").evaluate((scroller) => scroller.scrollTop)

export const tests = (it: It): void => {
  it.scoped("scrolling loads the pages that are needed, and no other", () =>
    Effect.gen(function* () {
      const server = yield* MixServer.serve({ seed: { messages: 450, sessions: 7 } })
      const page = yield* open(server.url)
      yield* steps(async () => {
        await counter(page, "100 messages in 1 request")
        await tail(page, "Scroll for more")
        await scrollTo(page, 3000)
        await page.locator("article[aria-posinset='35']").waitFor()
      })
      yield* nextPoll(server)
      assert.deepStrictEqual(yield* offsets(server), [], "one page is enough for what is on the screen")

      yield* steps(() => toEnd(page).then(() => counter(page, "200 messages in 2 requests")))
      yield* nextPoll(server)
      assert.deepStrictEqual(yield* offsets(server), [96])

      yield* steps(async () => {
        for (const count of [300, 400, 450]) {
          await toEnd(page)
          await counter(page, `${count} messages`)
        }
        await toEnd(page)
        await tail(page, "End of history: 450 messages")
        await page.locator("article[aria-posinset='450'][aria-setsize='450']").waitFor()
      })
      const read = yield* offsets(server)
      assert.deepStrictEqual(read.slice(0, 4), [96, 196, 296, 396])
      assert.isAtMost(read.length, 6, "two requests prove that it was the end")
      const methods = new Set((yield* server.requests).map(({ method }) => method))
      assert.deepStrictEqual([...methods], ["GET"], "no preflight")
    })
  )

  it.scoped("sessions are listed with the counts of what is loaded, and open on a click", () =>
    Effect.gen(function* () {
      const server = yield* MixServer.serve({ seed: { messages: 150, sessions: 5 } })
      const page = yield* open(server.url)
      const counts = () =>
        page
          .locator("#sessions .count")
          .allTextContents()
          .then((texts) => texts.map((text) => Number(text)))
      const sum = (numbers: ReadonlyArray<number>) => numbers.reduce((total, number) => total + number, 0)
      yield* steps(async () => {
        await counter(page, "100 messages")
        const [all, ...each] = await counts()
        assert.deepStrictEqual([all, each.length, sum(each)], [100, 5, 100])
        await readAll(page)
        const [allNow, ...eachNow] = await counts()
        assert.deepStrictEqual([allNow, sum(eachNow)], [150, 150])
      })
      const [id = ""] = yield* server.sessions
      const rows = yield* steps(() =>
        fetch(`${server.url}/api/sessions/${id}/messages`).then(
          (response) => response.json() as Promise<Array<unknown>>
        )
      )
      yield* steps(async () => {
        const place = await scrollTop(page)
        assert.isAbove(place, 0)
        await sessionButton(page, id).click()
        await page.getByRole("heading", { name: `Session ${id.slice(0, 8)}` }).waitFor()
        await page.locator(`article[aria-setsize='${rows.length}']`).first().waitFor()
        assert.strictEqual(await scrollTop(page), 0, "a session is shown from its newest message on")
        await toEnd(page)
        await page.locator(`article[aria-posinset='${rows.length}'][data-role='user']`).waitFor()
        await page.locator(".session-button").first().click()
        await page.getByRole("heading", { name: "All sessions" }).waitFor()
      })
    })
  )

  it.scoped("text is text, long text is clipped, reasoning and tool calls are folded", () =>
    Effect.gen(function* () {
      const server = yield* MixServer.serve()
      const html = "<img src=x onerror=alert(1)><script>alert(2)</script>"
      const sessionId = yield* server.createSession()
      yield* server.append({ sessionId, text: html })
      yield* server.append({ sessionId, text: `${"word ".repeat(300)}THE END` })
      yield* server.append({
        sessionId,
        role: "assistant",
        text: "Done.",
        reasoning: "It is simple.",
        reasoningDuration: 7,
        toolCalls: [
          {
            id: "t1",
            name: "bash",
            input: html,
            type: "tool_use",
            finished: true,
            result: "no such file",
            isError: true
          }
        ]
      })
      const page = yield* open(server.url)
      yield* steps(async () => {
        await page.locator("article").getByText(html).waitFor()
        assert.strictEqual(await page.locator("article img, article script").count(), 0)
        const long = page.locator("article", { hasText: "word word" })
        assert.notInclude((await long.textContent()) ?? "", "THE END")
        await long.getByRole("button", { name: "more" }).click()
        await long.getByText("THE END").waitFor()
        await long.getByRole("button", { name: "less" }).click()

        await sessionButton(page, sessionId).click()
        const answer = page.locator("article[data-role='assistant']")
        await answer.getByText("Reasoning, 7 s").waitFor()
        assert.isFalse(await answer.getByText("It is simple.").isVisible())
        await answer.getByText("Reasoning, 7 s").click()
        await answer.getByText("It is simple.").waitFor()
        await answer.getByText("Tool call bash, failed").click()
        await answer.getByText("no such file").waitFor()
        // What is below made room.
        await page.waitForFunction(() => {
          const boxes = [...document.querySelectorAll("article")].map((row) => row.getBoundingClientRect())
          return boxes.every((box, index) => index === 0 || box.top >= (boxes[index - 1]?.bottom ?? 0) - 1)
        })
      })
    })
  )

  it.scoped("a message is sent, and the reply is shown", () =>
    Effect.gen(function* () {
      const server = yield* MixServer.serve({ seed: { messages: 30, sessions: 2 } })
      const [id = ""] = yield* server.sessions
      const page = yield* open(server.url, { expected: /40[45]/ })
      yield* steps(async () => {
        await counter(page, "30 messages")
        assert.isTrue(await page.getByRole("button", { name: "Send" }).isDisabled(), "there is no session to write to")
        await sessionButton(page, id).click()
        await page.getByLabel("Message to session").fill("How are <you>?")
        await page.getByRole("button", { name: "Send" }).click()
        await page.locator("article[aria-posinset='1']", { hasText: "You said: How are <you>?" }).waitFor()
        await page.locator("article[aria-posinset='2']", { hasText: "How are <you>?" }).waitFor()
        await page.locator("#send-status", { hasText: "Answered" }).waitFor()
        assert.strictEqual(await page.getByLabel("Message to session").inputValue(), "")

        await page.getByLabel("Message to session").fill("/nonsense")
        await page.keyboard.press("Control+Enter")
        await page.locator("[data-state='Failed'] #send-status", { hasText: "send: not found (404" }).waitFor()
        assert.strictEqual(await page.getByLabel("Message to session").inputValue(), "/nonsense", "nothing is lost")
      })
    })
  )

  it.scoped("new messages wait behind a pill, and nothing jumps", () =>
    Effect.gen(function* () {
      const server = yield* MixServer.serve({ seed: { messages: 120, sessions: 3 } })
      const [sessionId = ""] = yield* server.sessions
      const page = yield* open(server.url)
      yield* steps(async () => {
        await counter(page, "100 messages")
        await scrollTo(page, 2000)
        await page.locator("article[aria-posinset='25']").waitFor()
      })
      const before = yield* steps(() => page.locator("article[aria-posinset='25']").boundingBox())
      for (const text of ["first", "second", "third"]) yield* server.append({ sessionId, text: `The ${text} new one` })
      yield* steps(async () => {
        await page.getByRole("button", { name: "3 new" }).waitFor()
        await page.locator("#announcer", { hasText: "3 new messages" }).waitFor({ state: "attached" })
        assert.deepStrictEqual(await page.locator("article[aria-posinset='25']").boundingBox(), before)
        await page.getByRole("button", { name: "3 new" }).click()
        await page.locator("article[aria-posinset='1']", { hasText: "new one" }).waitFor()
        await page.locator("article[aria-posinset='4']").waitFor()
        assert.strictEqual(await scrollTop(page), 0)
        assert.strictEqual((await page.getByText("new one").locator("visible=true").count()) >= 3, true)
        await counter(page, "103 messages")
        assert.isFalse(await page.locator("#pill").isVisible())
        await readAll(page)
        await tail(page, "End of history: 123 messages")
      })
    })
  )

  it.scoped("a server that went away: the error, and reading on where it was", () =>
    Effect.gen(function* () {
      const seed = { messages: 350, sessions: 4 }
      const life = yield* Scope.make()
      const first = yield* Scope.extend(MixServer.serve({ seed }), life)
      const page = yield* open(first.url, { expected: /Failed to load resource/ })
      yield* steps(() => counter(page, "100 messages in 1 request"))
      yield* Scope.close(life, Exit.void)
      yield* steps(async () => {
        await toEnd(page)
        await page.locator("[role=alert]", { hasText: "getHistory: no reply from 127.0.0.1" }).waitFor()
        await tail(page, "The rest could not be loaded")
      })

      const server = yield* MixServer.serve({ seed, port: Number(new URL(first.url).port) })
      yield* steps(async () => {
        await page.getByRole("button", { name: "Retry" }).click()
        await counter(page, "200 messages in 3 requests")
        await page.locator("[role=alert]").waitFor({ state: "hidden" })
        assert.isTrue(
          await page.evaluate(() => document.activeElement?.matches("article") === true),
          "the keyboard goes on in the list"
        )
        await readAll(page)
        await tail(page, "End of history: 350 messages")
      })
      assert.deepStrictEqual((yield* offsets(server)).slice(0, 3), [96, 196, 296], "nothing was read twice")
      yield* server.append({ sessionId: (yield* server.sessions)[0] ?? "", text: "Back again" })
      yield* steps(() => page.getByRole("button", { name: "1 new" }).waitFor())
    })
  )

  it.scoped("no server at all, and a url that is none", () =>
    Effect.gen(function* () {
      const server = yield* MixServer.serve({ seed: { messages: 3 } })
      const page = yield* open("http://127.0.0.1:9", { expected: /Failed to load resource|ERR_UNSAFE_PORT/ })
      yield* steps(async () => {
        await page.locator("[role=alert]", { hasText: "no reply from 127.0.0.1:9" }).waitFor()
        await tail(page, "Nothing could be loaded")
        await page.getByLabel("Server").fill("ftp://example.com")
        await page.getByRole("button", { name: "Connect" }).click()
        await page.locator("[role=alert]", { hasText: "the server url" }).waitFor()
        await page.getByLabel("Server").fill(server.url)
        await page.keyboard.press("Enter")
        await counter(page, "3 messages")
        assert.strictEqual(new URL(page.url()).searchParams.get("server"), server.url, "the page's url remembers it")
        await page.reload()
        await counter(page, "3 messages")
      })
    })
  )

  it.scoped("an empty history, and the first message", () =>
    Effect.gen(function* () {
      const server = yield* MixServer.serve({ generation: "2025-09-11" })
      const page = yield* open(server.url)
      yield* steps(() => tail(page, "No messages yet"))
      yield* nextPoll(server)
      yield* server.append({ sessionId: "s1", text: "Is anybody there?" })
      yield* steps(async () => {
        await page.getByRole("button", { name: "1 new" }).click()
        await page.locator("article", { hasText: "Is anybody there?" }).waitFor()
        await tail(page, "End of history: 1 message")
      })
      yield* server.append({ sessionId: "s1", text: "And now?" })
      yield* steps(() => page.getByRole("button", { name: "1 new" }).waitFor())
    })
  )

  it.scoped("an empty history: messages right behind the empty answer are noticed", () =>
    Effect.gen(function* () {
      const server = yield* MixServer.serve({
        faults: ({ index }, { append }) =>
          Effect.as(
            Effect.when(
              Effect.forEach(["first", "second"], (text) => append({ sessionId: "s1", text })),
              () => index === 1
            ),
            undefined
          )
      })
      const page = yield* open(server.url)
      yield* steps(async () => {
        await page.getByRole("button", { name: "2 new" }).click()
        await counter(page, "2 messages in 1 request")
      })
    })
  )

  it.scoped("a session is called by what it begins with once that is known, until then by what is newest", () =>
    Effect.gen(function* () {
      const server = yield* MixServer.serve()
      const [one, other] = [yield* server.createSession(), yield* server.createSession()]
      for (let createdAt = 0; createdAt < 110; createdAt++) {
        const sessionId = createdAt % 2 === 0 ? one : other
        const text = createdAt < 2 ? `The beginning of ${sessionId}` : `Text ${createdAt}`
        yield* server.append({ sessionId, text, createdAt })
      }
      const page = yield* open(server.url)
      yield* steps(async () => {
        await counter(page, "100 messages")
        await sessionButton(page, one).getByText("Text 108").waitFor()
        await sessionButton(page, other).getByText("Text 109").waitFor()
        await sessionButton(page, one).click()
        await sessionButton(page, one).getByText("The beginning").waitFor()
        await sessionButton(page, other).getByText("Text 109").waitFor()
        await page.locator(".session-button").first().click()
        await readAll(page)
        for (const id of [one, other]) await sessionButton(page, id).getByText(`The beginning of ${id}`).waitFor()
      })
    })
  )

  it.scoped("a server that cannot be followed for a while: retry loads no page that nobody asked for", () =>
    Effect.gen(function* () {
      let isBroken = false
      const broken = MixServer.Fault.Respond({ status: 501, headers: { "Access-Control-Allow-Origin": "*" } })
      const server = yield* MixServer.serve({
        seed: { messages: 150 },
        faults: () => Effect.succeed(isBroken ? broken : undefined)
      })
      const page = yield* open(server.url, { expected: /501/ })
      yield* steps(async () => {
        await counter(page, "100 messages in 1 request")
        isBroken = true
        await page.locator("[role=alert]", { hasText: "(501)" }).waitFor()
        isBroken = false
        await page.getByRole("button", { name: "Retry" }).click()
        await page.locator("[role=alert]").waitFor({ state: "hidden" })
      })
      yield* nextPoll(server)
      assert.deepStrictEqual(yield* offsets(server), [])
    })
  )

  it.scoped("many messages: few rows in the document, down to the end and back, and no slower than 200", () =>
    Effect.gen(function* () {
      const count = draws(1500, 10_000)
      const server = yield* MixServer.serve({ seed: { messages: count, sessions: 30 } })
      const page = yield* open(server.url, { viewport: { width: 1440, height: 900 } })
      /** How long the page works on one turn of the wheel: the median of fifty in the middle, in milliseconds. */
      const turn = () =>
        page.locator("#scroller").evaluate((scroller) => {
          const middle = scroller.scrollHeight / 2
          const times = Array.from({ length: 50 }, (_, index) => {
            scroller.scrollTop = middle + 100 * index
            const before = performance.now()
            scroller.dispatchEvent(new Event("scroll"))
            scroller.getBoundingClientRect()
            return performance.now() - before
          })
          return times.sort((a, b) => a - b)[25] ?? 0
        })
      const few = yield* steps(async () => {
        await counter(page, "100 messages")
        await toEnd(page)
        await counter(page, "200 messages")
        return turn()
      })
      const most = yield* steps(() =>
        page.evaluate(async () => {
          const scroller = document.querySelector("#scroller") as HTMLElement
          const tail = document.querySelector("#tail") as HTMLElement
          let most = 0
          while (!tail.textContent?.startsWith("End of history")) {
            scroller.scrollTop = scroller.scrollHeight
            await new Promise((resolve) => requestAnimationFrame(resolve))
            most = Math.max(most, document.querySelectorAll("article").length)
          }
          return most
        })
      )
      yield* steps(async () => {
        await tail(page, `End of history: ${count.toLocaleString("en")} messages`)
        await toEnd(page)
        await page.locator(`article[aria-posinset='${count}'][aria-setsize='${count}']`).waitFor()
        await scrollTo(page, 0)
        await page.locator("article[aria-posinset='1']").waitFor()
      })
      const many = yield* steps(turn)
      const requests = (yield* offsets(server)).length + 1
      assert.isBelow(many, 3 * few + 5)
      assert.isBelow(most, 60)
      assert.isAtMost(requests, count / 100 + 2)
    })
  )

  it.scoped("everything can be done by keyboard", () =>
    Effect.gen(function* () {
      const server = yield* MixServer.serve({ seed: { messages: 60, sessions: 3 } })
      const page = yield* open(server.url, { expected: /405/ })
      const focused = (selector: string) =>
        page.waitForFunction((selector) => document.activeElement?.matches(selector), selector)
      yield* steps(async () => {
        await counter(page, "60 messages")
        await page.keyboard.press("Tab")
        await focused(".skip")
        await page.keyboard.press("Enter")
        await page.keyboard.press("Tab")
        await focused("article[aria-posinset='1']")
        await page.keyboard.press("PageDown")
        await focused("article[aria-posinset='2']")
        await page.keyboard.press("End")
        await focused("article[aria-posinset='60']")
        await page.keyboard.press("PageUp")
        await focused("article[aria-posinset='59']")
        await page.keyboard.press("Home")
        await focused("article[aria-posinset='1']")
        // The way into its session is the next stop.
        await page.keyboard.press("Tab")
        await focused("article button")
        await page.keyboard.press("Enter")
        await page.getByRole("heading", { name: /^Session / }).waitFor()
        await page.getByLabel("Message to session").focus()
        await page.keyboard.type("By keyboard")
        await page.keyboard.press("Control+Enter")
        await page.locator("article[aria-posinset='1']", { hasText: "You said: By keyboard" }).waitFor()
        // The sessions are one stop; the arrows move among them.
        await page.locator(".session-button[aria-current]").focus()
        await page.keyboard.press("Home")
        await focused("li:first-child .session-button")
        await page.keyboard.press("ArrowDown")
        await focused("li:nth-child(2) .session-button")
        await page.keyboard.press("ArrowUp")
        await page.keyboard.press("Enter")
        await page.getByRole("heading", { name: "All sessions" }).waitFor()
      })
    })
  )

  const looks = [
    [360, "light"],
    [1440, "dark"],
    [360, "dark"],
    [1440, "light"]
  ] as const
  for (const [width, colorScheme] of looks.slice(0, draws(2, 4))) {
    it.scoped(`nothing for axe to complain of: ${width} px, ${colorScheme}`, () =>
      Effect.gen(function* () {
        const server = yield* MixServer.serve({ seed: { messages: 150, sessions: 12 } })
        const [sessionId = ""] = yield* server.sessions
        const page = yield* open(server.url, {
          colorScheme,
          viewport: { width, height: 800 },
          expected: /Failed to load resource/
        })
        /** Rules that are broken, with what breaks them. */
        const check = (): Promise<ReadonlyArray<string>> =>
          page.evaluate(async () => {
            const { violations } = await (globalThis as unknown as { axe: typeof axe }).axe.run()
            return violations.map(
              ({ id, impact, nodes }) => `${impact} ${id}: ${nodes.map(({ html }) => html.slice(0, 120)).join(" ")}`
            )
          })
        yield* steps(async () => {
          await page.evaluate(axe.source)
          await counter(page, "100 messages")
          assert.deepStrictEqual(await check(), [])
          const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
          assert.isAtMost(overflow, 0, "nothing sticks out sideways")
          await sessionButton(page, sessionId).click()
          await page.locator("article[data-role='assistant']").first().waitFor()
          await page.locator("summary").first().click()
          await page.getByLabel("Message to session").fill("/nonsense")
          await page.keyboard.press("Control+Enter")
          await page.locator("[data-state='Failed']").waitFor()
        })
        yield* server.append({ sessionId, text: "New" })
        yield* steps(async () => {
          await page.locator("#pill").waitFor()
          await page.getByLabel("Server").fill("http://127.0.0.1:9")
          assert.deepStrictEqual(await check(), [])
          await page.keyboard.press("Tab")
          await page.getByRole("button", { name: "Connect" }).click()
          await page.locator("[role=alert]").waitFor()
          assert.deepStrictEqual(await check(), [])
        })
      })
    )
  }
}
