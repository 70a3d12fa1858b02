/** The page in Chromium. */
import { assert, type Vitest } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright"
import { launchOptions } from "../../../scripts/chromium.ts"
import * as Site from "../scripts/Site.ts"

const launch = Effect.acquireRelease(
  Effect.promise(() => chromium.launch(launchOptions)),
  (browser) => Effect.promise(() => browser.close())
)

/** The browser, and the page that was built for it: both once for all tests. */
export class Chromium extends Context.Tag("Chromium")<
  Chromium,
  { readonly browser: Browser; readonly site: string }
>() {
  static readonly layer = Layer.scoped(Chromium, Effect.all({ browser: launch, site: Site.serve }, { concurrency: 2 }))
}

/** What tests that are given both are made with. */
export type It = Vitest.MethodsNonLive<Chromium, true>

export interface Options extends BrowserContextOptions {
  /** What the console may say without a test failing. */
  readonly expected?: RegExp
}

/** A new page that looks at this server. That nothing was wrong on its console is checked at the end. */
export const open = (serverUrl: string, { expected, ...options }: Options = {}) =>
  Effect.gen(function* () {
    const { browser, site } = yield* Chromium
    const problems: Array<string> = []
    const context = yield* Effect.acquireRelease(
      Effect.promise(() => browser.newContext({ viewport: { width: 1440, height: 900 }, ...options })),
      (context) =>
        Effect.zipRight(
          Effect.promise(() => context.close()),
          Effect.sync(() => assert.deepStrictEqual(problems, [], "the console stays empty"))
        )
    )
    const page = yield* Effect.promise(() => context.newPage())
    // No step takes this long on any machine.
    page.setDefaultTimeout(60_000)
    page.on("pageerror", (error) => problems.push(String(error)))
    page.on("console", (message) => {
      const isProblem = message.type() === "error" || message.type() === "warning"
      if (isProblem && expected?.test(message.text()) !== true) problems.push(message.text())
    })
    yield* Effect.promise(() => page.goto(`${site}?${new URLSearchParams({ server: serverUrl })}`))
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
