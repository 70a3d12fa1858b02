import { createServer } from "node:http"
import * as Backend from "@mix-effect/example-backend"
import { MixNode } from "@mix-effect/node"
import { Layer } from "effect"
import { makeHandler } from "./handler.ts"
import { MixMessages } from "./MixMessages.ts"

// In a program of your own: `MixNode.layer()` alone.
const messages = new MixMessages(Layer.provide(MixNode.layer(), Backend.layer()))
const server = createServer(makeHandler(messages))

server.listen(Number(process.env.PORT ?? 3000), "127.0.0.1", () => {
  console.log("Listening on", server.address())
})

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => {
    server.close()
    server.closeAllConnections()
    void messages.close()
  })
}
