/** The page in Chromium. */
import { assert, type Vitest } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { type Browser, chromium, type Page } from "playwright"
import { launchOptions } from "../../../packages/browser/test/node/chromium.ts"
import * as Site from "../scripts/Site.ts"

const launch = Effect.acquireRelease(
  Effect.promise(() => chromium.launch(launchOptions)),
  (browser) => Effect.promise(() => browser.close())
)

/** The browser, the page that was built for it, and tabs for the next tests: all once for all of them. */
export class Chromium extends Context.Tag("Chromium")<
  Chromium,
  { readonly browser: Browser; readonly site: string; readonly tabs: Array<Page> }
>() {
  static readonly layer = Layer.scoped(
    Chromium,
    Effect.all({ browser: launch, site: Site.serve, tabs: Effect.sync(() => []) }, { concurrency: 2 })
  )
}

/** What tests that are given both are made with. */
export type It = Vitest.MethodsNonLive<Chromium, true>

export interface Options {
  /** What the console may say without a test failing. */
  readonly expected?: RegExp
  readonly colorScheme?: "light" | "dark"
  readonly viewport?: { readonly width: number; readonly height: number }
}

/**
 * The page, looking at this server. That nothing was wrong on its console is checked at the end. Tabs are used again, because a
 * new one costs three times as much as what is shown in it.
 */
export const open = (serverUrl: string, options: Options = {}) =>
  Effect.gen(function* () {
    const { browser, site, tabs } = yield* Chromium
    const { colorScheme = "light", expected, viewport = { width: 1024, height: 600 } } = options
    const problems: Array<string> = []
    const page = yield* Effect.acquireRelease(
      Effect.promise(async () => tabs.pop() ?? browser.newPage()),
      (page) =>
        Effect.promise(async () => {
          await page.goto("about:blank")
          page.removeAllListeners()
          tabs.push(page)
          assert.deepStrictEqual(problems, [], "the console stays empty")
        })
    )
    // No step takes this long on any machine.
    page.setDefaultTimeout(60_000)
    page.on("pageerror", (error) => problems.push(String(error)))
    page.on("console", (message) => {
      const isProblem = message.type() === "error" || message.type() === "warning"
      if (isProblem && expected?.test(message.text()) !== true) problems.push(message.text())
    })
    yield* Effect.promise(async () => {
      await page.setViewportSize(viewport)
      // What moves would be drawn sixty times a second.
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" })
      await page.goto(`${site}?${new URLSearchParams({ server: serverUrl })}`)
    })
    return page
  })

/** What a person would do, as steps of playwright. */
export const steps = <A>(run: () => Promise<A>) => Effect.promise(run)

export const counter = (page: Page, text: string) => page.locator("#counter", { hasText: text }).waitFor()

export const tail = (page: Page, text: string | RegExp) => page.locator("#tail", { hasText: text }).waitFor()

export const scrollTo = (page: Page, top: number) =>
  page.locator("#scroller").evaluate((scroller, top) => {
    scroller.scrollTop = top
  }, top)

export const toEnd = (page: Page) => scrollTo(page, 1e9)

/** Scrolls on until the end of the history is there. */
export const readAll = async (page: Page): Promise<void> => {
  const look = () => page.locator("#counter, #tail").allTextContents()
  let [count, end] = await look()
  while (!end?.startsWith("End of history")) {
    await toEnd(page)
    await page.waitForFunction(
      ([count, end]) =>
        document.querySelector("#counter")?.textContent !== count ||
        document.querySelector("#tail")?.textContent !== end,
      [count, end]
    )
    ;[count, end] = await look()
  }
}
