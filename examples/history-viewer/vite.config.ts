import { fileURLToPath } from "node:url"
import type { Plugin, UserConfig } from "vite"

/** In development Vite tells the page about changes through a web socket, which the page itself has no use for. */
const admitWebSocket: Plugin = {
  name: "admit-web-socket",
  apply: "serve",
  transformIndexHtml: (html) => html.replace("connect-src", "connect-src ws:")
}

/** The packages of this repository are used as sources: nothing has to be built first. */
export const conditions = ["@mix-effect/source", "module", "browser"]

const config: UserConfig = {
  root: fileURLToPath(new URL(".", import.meta.url)),
  plugins: [admitWebSocket],
  resolve: { conditions: [...conditions, "development|production"] }
}

export default config
