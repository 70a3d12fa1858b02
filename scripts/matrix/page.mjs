// Runs a bundled page without `process` and, by that option, without `eval`, and prints the title that it sets:
//   node --disallow-code-generation-from-strings page.mjs http://localhost:8088 bundle.js
import { pathToFileURL } from "node:url"

const [origin, bundle] = process.argv.slice(2)
const print = console.log
Object.assign(globalThis, {
  location: new URL(origin),
  document: {
    set title(title) {
      print(title)
    }
  }
})
// What else Node has and browsers have not, its own `fetch` reads from there.
for (const name of ["process", "setImmediate"]) delete globalThis[name]
await import(pathToFileURL(bundle).href)
