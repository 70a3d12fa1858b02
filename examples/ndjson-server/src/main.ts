import { createServer } from "node:http"
import * as HttpServer from "@effect/platform/HttpServer"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Backend from "@mix-effect/example-backend"
import { MixNode } from "@mix-effect/node"
import { Config, Layer } from "effect"
import * as History from "./History.ts"

const ServerLive = NodeHttpServer.layerConfig(() => createServer(), {
  host: Config.withDefault(Config.string("HOST"), "127.0.0.1"),
  port: Config.withDefault(Config.port("PORT"), 3000)
})

History.layer.pipe(
  HttpServer.withLogAddress,
  Layer.provide([ServerLive, MixNode.layer()]),
  Layer.provide(Backend.layer()), // not in a program of your own
  Layer.launch,
  NodeRuntime.runMain
)
