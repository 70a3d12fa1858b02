/** Pictures of the page, to look at: into the folder that is named, else into a new one. */
import { mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { chromium } from "playwright"
import * as Demo from "./Demo.ts"
import * as Site from "./Site.ts"

const folder = process.argv[2] ?? mkdtempSync(join(tmpdir(), "history-viewer-screenshots-"))

const shots = [
  { name: "360-light", width: 360, height: 740, colorScheme: "light", of: "history" },
  { name: "360-dark", width: 360, height: 740, colorScheme: "dark", of: "session" },
  { name: "1440-light", width: 1440, height: 900, colorScheme: "light", of: "session" },
  { name: "1440-dark", width: 1440, height: 900, colorScheme: "dark", of: "history" },
  { name: "down-360-light", width: 360, height: 740, colorScheme: "light", of: "nothing" },
  { name: "down-1440-dark", width: 1440, height: 900, colorScheme: "dark", of: "nothing" }
] as const

const program = Effect.gen(function* () {
  const site = yield* Site.serve
  const server = yield* Demo.serve()
  const browser = yield* Effect.acquireRelease(
    Effect.promise(() =>
      chromium.launch({
        executablePath: "/usr/bin/chromium",
        args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
      })
    ),
    (browser) => Effect.promise(() => browser.close())
  )
  const [newest = "", second = ""] = yield* server.sessions
  for (const { colorScheme, height, name, of, width } of shots) {
    const page = yield* Effect.promise(() => browser.newPage({ colorScheme, viewport: { width, height } }))
    const serverUrl = of === "nothing" ? "http://127.0.0.1:1234" : server.url
    yield* Effect.promise(() => page.goto(`${site}?${new URLSearchParams({ server: serverUrl })}`))
    yield* Effect.promise(async () => {
      if (of === "nothing") return page.locator("#notice").waitFor()
      await page.locator("article").first().waitFor()
      if (of === "history") return
      await page.locator(".session-button", { hasText: newest.slice(0, 8) }).click()
      await page.locator("summary", { hasText: "Tool call" }).click()
      await page.getByText("date,region,revenue").waitFor()
    })
    if (of !== "nothing") {
      yield* server.append({ sessionId: of === "session" ? newest : second, text: "Is the chart in colour?" })
      yield* Effect.promise(() => page.locator("#pill").waitFor())
    }
    yield* Effect.promise(() => page.screenshot({ path: join(folder, `${name}.png`) }))
    yield* Effect.promise(() => page.close())
  }
  console.log(folder)
}).pipe(Effect.scoped)

await Effect.runPromise(program)
