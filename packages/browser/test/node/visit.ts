/**
 * Opens a page of its own origin and its own policy, for what the test page cannot be: https, restricted, offline. Its
 * script finds `input`, `result(value)` to end the visit with, and `offline(yes)`, which cuts the network off.
 */
import { basename } from "node:path"
import { fileURLToPath } from "node:url"
import type {} from "@vitest/browser/providers/playwright"
import { build } from "esbuild"
import type { Browser } from "playwright"
import type { BrowserCommand } from "vitest/node"

export interface Visit {
  /** A module of `test/pages`. */
  readonly script: string
  readonly origin: string
  readonly input: unknown
  /** The value of `Content-Security-Policy`. */
  readonly csp?: string
  /** Default: true. */
  readonly mayReachThisMachine?: boolean
}

export interface Visited {
  readonly result: unknown
  /** What the page wrote on its console. */
  readonly console: ReadonlyArray<string>
}

/** What `visit` opens, bundled at once: what the scripts share is read once. */
const bundle = async (): Promise<ReadonlyMap<string, string>> => {
  const pages = fileURLToPath(new URL("../pages", import.meta.url))
  const { outputFiles } = await build({
    entryPoints: ["failure.ts", "history.ts", "offline.ts"],
    absWorkingDir: pages,
    outdir: pages,
    outExtension: { ".js": ".ts" },
    bundle: true,
    write: false,
    format: "esm",
    conditions: ["@mix-effect/source"]
  })
  return new Map(outputFiles.map(({ path, text }) => [basename(path), text]))
}

let bundled: ReturnType<typeof bundle> | undefined

export const visit: BrowserCommand<[Visit]> = async (
  { context },
  { csp, input, mayReachThisMachine = true, origin, script }
): Promise<Visited> => {
  bundled ??= bundle()
  const code = (await bundled).get(script)
  if (code === undefined) throw new Error(`no page ${script}`)
  const browser = context.browser() as Browser
  // Chromium lets a page whose own address it does not know reach this machine with the user's permission only.
  const own = await browser.newContext({ permissions: mayReachThisMachine ? ["local-network-access"] : [] })
  const console: Array<string> = []
  try {
    const page = await own.newPage()
    page.on("console", (message) => console.push(message.text()))
    let end: (value: unknown) => void = () => {}
    const result = new Promise((resolve, reject) => {
      end = resolve
      page.on("pageerror", reject)
    })
    await page.exposeFunction("result", (value: unknown) => end(value))
    await page.exposeFunction("offline", (offline: boolean) => own.setOffline(offline))
    await page.addInitScript(`globalThis.input = ${JSON.stringify(input)}`)
    await page.route(`${origin}/**`, (route) => {
      const isScript = route.request().url().endsWith(".js")
      return route.fulfill({
        contentType: isScript ? "text/javascript" : "text/html",
        ...(csp !== undefined && { headers: { "content-security-policy": csp } }),
        body: isScript ? code : '<!doctype html><title>page</title><script type="module" src="/page.js"></script>'
      })
    })
    await page.goto(`${origin}/`)
    return { result: await result, console }
  } finally {
    await own.close()
  }
}
