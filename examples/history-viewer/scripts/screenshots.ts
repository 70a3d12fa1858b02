/** Pictures of the page in every state, to look at: into the folder that is named, else into a new one. */
import { mkdirSync, mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as FaultServer from "@mix-effect/testing/FaultServer"
import * as MixAgent from "@mix-effect/testing/MixAgent"
import * as MixServer from "@mix-effect/testing/MixServer"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { chromium, type Page } from "playwright"
import { launchOptions } from "../../../packages/browser/test/node/chromium.ts"
import * as Demo from "./Demo.ts"
import * as Site from "./Site.ts"

const folder = process.argv[2] ?? mkdtempSync(join(tmpdir(), "history-viewer-screenshots-"))
mkdirSync(folder, { recursive: true })

const sizes = [
  { width: 360, height: 740 },
  { width: 1440, height: 900 }
]

/** What is done on the page before the picture is taken. */
type Act = (page: Page) => Promise<unknown>

interface State {
  readonly name: string
  readonly server: Effect.Effect<{ readonly url: string; readonly act: Act }, unknown, Scope.Scope>
}

/** A state of the page that only depends on what the server has, and how it answers. */
const state = (name: string, server: MixServer.Options, act: Act): State => ({
  name,
  server: Effect.map(Demo.serve(server), ({ url }) => ({ url, act }))
})

const stallIf = (
  stalls: (request: MixServer.FaultRequest, before: ReadonlyArray<MixServer.RequestRecord>) => boolean
): MixServer.Options => ({
  faults: (request, { requests }) =>
    Effect.map(requests, (before) => (stalls(request, before) ? MixServer.Fault.Stall() : undefined))
})

const history = (page: Page) => page.locator("article").first().waitFor()

const turn = [
  MixAgent.think("By month is one more column. The file has the dates already."),
  MixAgent.say(
    "Let me add up the months first. The dates are in the first column, so this takes one pass over the file."
  ),
  MixAgent.call({
    name: "bash",
    input: '{"command":"cut -d, -f1,3 sales.csv | awk -F- \'{print $2}\' | sort | uniq -c"}'
  }),
  MixAgent.say("Twelve months are there. ")
]

const deletion: MixAgent.ToolUse = {
  name: "bash",
  input: '{"command":"rm charts/revenue.png"}',
  permission: { description: "Execute command: rm charts/revenue.png", path: "/data/quarterly" }
}

const ask = async (page: Page, text: string) => {
  await history(page)
  await openSession(page)
  await page.locator("#link", { hasText: "Live" }).waitFor()
  await page.getByLabel("Message to session").fill(text)
  await page.getByRole("button", { name: "Send" }).click()
}

const toEnd = (page: Page) => page.locator("#scroller").evaluate((scroller) => scroller.scrollTo(0, 1e9))

const openSession = (page: Page) => page.locator("article .session").first().click()

/** As a reader sees it who was there when a message arrived. */
const withNews = (name: string, isOpened: boolean): State => ({
  name,
  server: Effect.map(Demo.serve(), ({ append, sessions, url }) => ({
    url,
    act: async (page) => {
      await history(page)
      const [newest = ""] = await Effect.runPromise(sessions)
      if (isOpened) {
        await page.locator(".session-button", { hasText: newest.slice(0, 8) }).click()
        await page.locator("summary", { hasText: "Tool call" }).click()
        await page.getByText("date,region,revenue").waitFor()
      }
      await Effect.runPromise(append({ sessionId: newest, text: "Is the chart in colour?" }))
      await page.locator("#pill").waitFor()
    }
  }))
})

const states: ReadonlyArray<State> = [
  withNews("history", false),
  withNews("session", true),
  state(
    "first-load",
    stallIf(() => true),
    (page) => page.getByText("Loading the history").waitFor()
  ),
  state(
    "loading-more",
    stallIf(({ query }) => Number(query.get("offset")) > 0),
    async (page) => {
      await history(page)
      await toEnd(page)
      await page.getByText("Loading more").waitFor()
      await toEnd(page)
    }
  ),
  state("end", { seed: { messages: 30 } }, async (page) => {
    await history(page)
    await toEnd(page)
    await page.getByText("End of history").waitFor()
    await toEnd(page)
  }),
  {
    name: "empty",
    server: Effect.map(MixServer.serve(), ({ url }) => ({
      url,
      act: (page) => page.getByText("No messages yet").waitFor()
    }))
  },
  state(
    "turn",
    { agent: (_, { closeStreams }) => [...turn, MixAgent.perform(closeStreams()), MixAgent.silence] },
    async (page) => {
      await ask(page, "And by month?")
      await page.locator("#link", { hasText: "1 drop" }).waitFor()
    }
  ),
  state("permission", { agent: () => [...turn, MixAgent.call(deletion)] }, async (page) => {
    await ask(page, "Delete the chart, please.")
    await page.getByRole("button", { name: "Grant" }).waitFor()
  }),
  {
    name: "down",
    server: Effect.map(FaultServer.refusedUrl, (url) => ({ url, act: (page) => page.locator("#notice").waitFor() }))
  },
  {
    name: "lost",
    server: Effect.gen(function* () {
      const life = yield* Scope.make()
      const { url } = yield* Scope.extend(Demo.serve(), life)
      return {
        url,
        act: async (page) => {
          await history(page)
          await Effect.runPromise(Scope.close(life, Exit.void))
          await toEnd(page)
          await page.locator("#notice").waitFor()
        }
      }
    })
  }
]

const program = Effect.gen(function* () {
  const site = yield* Site.serve
  const browser = yield* Effect.acquireRelease(
    Effect.promise(() => chromium.launch(launchOptions)),
    (browser) => Effect.promise(() => browser.close())
  )
  for (const { name, server } of states) {
    for (const viewport of sizes) {
      for (const colorScheme of ["light", "dark"] as const) {
        yield* Effect.gen(function* () {
          const { act, url } = yield* server
          yield* Effect.promise(async () => {
            const page = await browser.newPage({ colorScheme, viewport })
            await page.goto(`${site}?${new URLSearchParams({ server: url })}`)
            await act(page)
            await page.screenshot({ path: join(folder, `${name}-${viewport.width}-${colorScheme}.png`) })
            await page.close()
          })
        }).pipe(Effect.scoped)
      }
    }
  }
  console.log(folder)
}).pipe(Effect.scoped)

await Effect.runPromise(program)
