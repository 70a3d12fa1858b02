/** Turns as they are written, end to end: the agent of the server waits for the page wherever that matters. */
import { assert } from "@effect/vitest"
import * as MixAgent from "@mix-effect/testing/MixAgent"
import * as MixServer from "@mix-effect/testing/MixServer"
import axe from "axe-core"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type { Page } from "playwright"
import { type It, type Options, open, steps } from "./Chromium.ts"

const hostile = "<img src=x onerror=alert(1)>\u202etxt.exe"

/** Before the first ask the SDK looks for the stream route of September 2025. */
const withoutStreamRoute = /404 \(Not Found\)/

/** A server of one session, and the page that shows it. */
const opened = (agent: MixAgent.Agent, options: MixServer.Options = {}, how: Options = {}) =>
  Effect.gen(function* () {
    const server = yield* MixServer.serve({ generation: "2026-02", agent, ...options })
    const id = yield* server.createSession()
    yield* server.append({ sessionId: id, text: "Before" })
    const page = yield* open(server.url, { expected: withoutStreamRoute, ...how })
    yield* steps(async () => {
      await page.locator(".session-button", { hasText: id.slice(0, 8) }).click()
      await page.locator("#link", { hasText: "Live" }).waitFor()
      await page.locator("article", { hasText: "Before" }).waitFor()
    })
    return { server, page, id }
  })

const ask = async (page: Page, text: string): Promise<void> => {
  await page.getByLabel("Message to session").fill(text)
  await page.getByRole("button", { name: "Send" }).click()
}

/** What the turn shows, a string for each part. */
const parts = (page: Page) =>
  page
    .locator("#turn-parts > *")
    .allInnerTexts()
    .then((all) => all.map((text) => text.trim()))

const part = (page: Page, text: string) => page.locator("#turn-parts > *", { hasText: text }).waitFor()

const over = (page: Page, status: string) =>
  Promise.all([
    page.locator("#turn").waitFor({ state: "hidden" }),
    page.locator("#send-status", { hasText: status }).waitFor()
  ])

/** The articles, newest first. */
const texts = (page: Page) => page.locator("article > .text").allInnerTexts()

export const tests = (it: It): void => {
  it.scoped("a turn as it is written, and the rows in its place when it is done; text of others is text", () =>
    Effect.gen(function* () {
      const [thought, said, ran] = [
        yield* Deferred.make<void>(),
        yield* Deferred.make<void>(),
        yield* Deferred.make<void>()
      ]
      const { page, server } = yield* opened(() => [
        MixAgent.think("The user ", "wants a list."),
        MixAgent.perform(Deferred.await(thought)),
        MixAgent.say("Let me ", hostile),
        MixAgent.perform(Deferred.await(said)),
        MixAgent.call({ name: "Bash", input: ['{"command":', `"${hostile}"}`], result: "a.txt" }),
        MixAgent.perform(Deferred.await(ran)),
        MixAgent.say("One file.")
      ])
      yield* steps(async () => {
        await ask(page, "What files are here?")
        await part(page, "wants a list.")
        assert.deepStrictEqual(await parts(page), ["You\nWhat files are here?", "Thinking\nThe user wants a list."])
        assert.strictEqual(await page.getByLabel("Message to session").inputValue(), "", "the server has it")
      })
      yield* Deferred.succeed(thought, undefined)
      yield* steps(() => part(page, `Let me ${hostile}`))
      yield* Deferred.succeed(said, undefined)
      yield* steps(async () => {
        await page.locator(".tool[data-status='completed']").waitFor()
        const line = (await parts(page)).at(-1) ?? ""
        assert.strictEqual(line.replace(/\s+/g, " "), 'Bash {"command":"<img src=x onerror=alert(1)>txt.exe"} done')
        assert.strictEqual((await parts(page)).length, 4)
        assert.strictEqual(await page.locator("#turn img").count(), 0)
        assert.deepStrictEqual(await texts(page), ["Before"], "the turn is shown once")
      })
      yield* Deferred.succeed(ran, undefined)
      yield* steps(async () => {
        await over(page, "Answered")
        assert.deepStrictEqual(await texts(page), ["One file.", `Let me ${hostile}`, "What files are here?", "Before"])
      })
      const posts = (yield* server.requests).filter(({ method }) => method === "POST")
      assert.strictEqual(posts.length, 1)
    })
  )

  for (const generation of ["2025-09-25", "2026-02"] as const)
    it.scoped(`a drop in the middle: it is shown, nothing is doubled, the end is exact: ${generation}`, () =>
      Effect.gen(function* () {
        const [seen, back] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
        const { page } = yield* opened(
          (_, { closeStreams }) => [
            MixAgent.say("Half of "),
            MixAgent.perform(Deferred.await(seen)),
            MixAgent.perform(closeStreams()),
            MixAgent.perform(Deferred.await(back)),
            MixAgent.say("the answer.")
          ],
          { generation },
          { expected: /ERR_|Failed to load/ }
        )
        yield* steps(async () => {
          await ask(page, "Well?")
          await part(page, "Half of")
        })
        yield* Deferred.succeed(seen, undefined)
        yield* steps(async () => {
          await page.locator("#link", { hasText: "Live again after 1 drop" }).waitFor()
          await part(page, "The connection was lost here")
          const before = await parts(page)
          assert.deepStrictEqual(
            before.filter((text) => /Half|Well/.test(text)),
            ["You\nWell?", "Half of"]
          )
        })
        yield* Deferred.succeed(back, undefined)
        yield* steps(async () => {
          await over(page, "Answered")
          assert.deepStrictEqual(await texts(page), ["Half of the answer.", "Well?", "Before"])
        })
      })
    )

  it.scoped("a run that another client began is shown too, also where the page comes in its middle", () =>
    Effect.gen(function* () {
      const [go, end] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      const server = yield* MixServer.serve({
        generation: "2026-02",
        agent: () => [
          MixAgent.call({ name: "Bash", id: "t1" }),
          MixAgent.perform(Deferred.await(go)),
          MixAgent.say("And "),
          MixAgent.perform(Deferred.await(end)),
          MixAgent.call({ name: "Bash", id: "t2", permission: { id: "p1" } }),
          MixAgent.say("Done.")
        ]
      })
      const id = yield* server.createSession()
      yield* steps(() =>
        fetch(`${server.url}/api/sessions/${id}/messages`, {
          method: "POST",
          body: JSON.stringify({ text: "From elsewhere" })
        })
      )
      const page = yield* open(server.url)
      yield* steps(async () => {
        await page.locator(".session-button", { hasText: id.slice(0, 8) }).click()
        await page.locator("#link", { hasText: "Live" }).waitFor()
        await page.locator("article", { hasText: "From elsewhere" }).waitFor()
      })
      yield* Deferred.succeed(go, undefined)
      yield* steps(async () => {
        await part(page, "And")
        await page.locator(".tool[data-status='completed']").waitFor()
        assert.strictEqual((await parts(page)).length, 2)
        await page.locator("article summary", { hasText: "Bash" }).waitFor({ state: "detached" })
      })
      yield* Deferred.succeed(end, undefined)
      yield* steps(async () => {
        await page.getByText("Whoever asked the agent can answer.").waitFor()
        assert.strictEqual(await page.getByRole("button", { name: "Grant" }).count(), 0)
        await fetch(`${server.url}/api/permissions/p1/grant`, { method: "POST" })
        await page.locator("#turn").waitFor({ state: "hidden" })
        assert.deepStrictEqual(await texts(page), ["Done.", "And ", "From elsewhere"])
      })
    })
  )

  it.scoped("permissions are granted and denied by hand", () =>
    Effect.gen(function* () {
      const permission = { description: `Execute ${hostile}`, path: "/data" }
      const { page, server } = yield* opened(({ text }) => [
        MixAgent.say("May I? "),
        MixAgent.call({ name: "Bash", input: '{"command":"rm report.csv"}', permission }),
        MixAgent.say(`Did: ${text}`)
      ])
      yield* steps(async () => {
        await ask(page, "Delete it")
        const asked = page.getByRole("region", { name: "Bash asks for a permission" })
        await asked.getByText("Execute <img src=x onerror=alert(1)>txt.exe").waitFor()
        await asked.getByText("rm report.csv").waitFor()
        await page.locator("#announcer", { hasText: "asks for a permission" }).waitFor({ state: "attached" })
        await asked.getByRole("button", { name: "Grant" }).click()
        await over(page, "Answered")
        await page.locator("article", { hasText: "Did: Delete it" }).waitFor()

        await ask(page, "Delete more")
        await page.getByRole("button", { name: "Deny" }).click()
        await over(page, "denied a permission")
      })
      const answers = (yield* server.requests)
        .map(({ target }) => target)
        .filter((target) => /permissions/.test(target))
      assert.deepStrictEqual(
        answers.map((target) => target.split("/").at(-1)),
        ["grant", "deny"]
      )
    })
  )

  it.scoped("the agent is stopped, by whoever it was asked", () =>
    Effect.gen(function* () {
      const { id, page, server } = yield* opened(() => [MixAgent.say("I never "), MixAgent.silence])
      yield* steps(async () => {
        await ask(page, "Count for ever")
        await part(page, "I never")
        await page.getByRole("button", { name: "Stop" }).click()
        await over(page, "Stopped.")
        assert.isTrue(await page.locator("#text").evaluate((box) => box === document.activeElement))
        await fetch(`${server.url}/api/sessions/${id}/messages`, {
          method: "POST",
          body: JSON.stringify({ text: "Once more" })
        })
        await part(page, "I never")
        await page.getByRole("button", { name: "Stop" }).click()
        await over(page, "cancelled")
        assert.deepStrictEqual(
          (await texts(page)).filter((text) => !text.startsWith("I never")),
          ["Once more", "Count for ever", "Before"]
        )
      })
      assert.strictEqual(yield* server.runCount, 0)
    })
  )

  it.scoped("a message that is refused comes back to its box, also where events of another turn came before that", () =>
    Effect.gen(function* () {
      const shown = yield* Deferred.make<void>()
      const refusal = MixServer.Fault.Respond({ status: 404, headers: { "Access-Control-Allow-Origin": "*" } })
      const faults: MixServer.Options["faults"] = ({ method }) =>
        method === "POST" ? Effect.as(Deferred.await(shown), refusal) : Effect.succeed(undefined)
      const { id, page, server } = yield* opened(() => [], { faults }, { expected: /404/ })
      yield* steps(async () => {
        await ask(page, "Is it lost?")
        await page.locator("[data-state='Sending']").waitFor()
      })
      yield* server.emit("content", { type: "content", content: "Late" }, id)
      yield* steps(() => page.locator("[data-state='Working']").waitFor())
      yield* Deferred.succeed(shown, undefined)
      yield* steps(async () => {
        await page.locator("[data-state='Failed'] #send-status", { hasText: "not found (404" }).waitFor()
        assert.strictEqual(await page.getByLabel("Message to session").inputValue(), "Is it lost?")
      })
    })
  )

  it.scoped("a session is made and written to, also of a server that knows no browser mode", () =>
    Effect.gen(function* () {
      const server = yield* MixServer.serve({ generation: "2025-10-10", seed: { messages: 3, sessions: 1 } })
      const page = yield* open(server.url, { expected: /400|404/ })
      yield* steps(async () => {
        await page.getByRole("button", { name: "New session" }).click()
        await page.locator("#tail", { hasText: "This session is empty." }).waitFor()
        assert.isTrue(await page.locator("#text").evaluate((box) => box === document.activeElement))
        await page.keyboard.type("Hello")
        await page.keyboard.press("Control+Enter")
        await over(page, "Answered")
        assert.deepStrictEqual(await texts(page), ["You said: Hello", "Hello"])
        await page.locator(".session-button[aria-current]", { hasText: "Hello" }).waitFor()
      })
      assert.strictEqual((yield* server.sessions).length, 2)
    })
  )

  it.scoped("nothing for axe to complain of while the agent waits, and nothing sticks out at 360 px", () =>
    Effect.gen(function* () {
      const { page } = yield* opened(
        ({ text }) => [
          MixAgent.think("W".repeat(300)),
          MixAgent.say(`${"word ".repeat(200)}${"w".repeat(300)}`),
          MixAgent.call({
            name: "N".repeat(200),
            input: `"${text.repeat(50)}"`,
            permission: { path: "/x".repeat(300) }
          })
        ],
        {},
        { viewport: { width: 360, height: 740 } }
      )
      yield* steps(async () => {
        await ask(page, "Try to break out of the box")
        await page.getByRole("button", { name: "Grant" }).waitFor()
        await page.evaluate(axe.source)
        const broken = await page.evaluate(async () => {
          const { violations } = await (globalThis as unknown as { axe: typeof axe }).axe.run()
          return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 120)).join(" ")}`)
        })
        assert.deepStrictEqual(broken, [])
        const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
        assert.isAtMost(overflow, 0, "nothing sticks out sideways")
        await page.getByRole("button", { name: "Grant" }).click()
        await over(page, "Answered")
      })
    })
  )
}
