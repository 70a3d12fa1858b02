import { createServer } from "node:http"
import * as HttpServer from "@effect/platform/HttpServer"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Backend from "@mix-effect/example-backend"
import { MixNode } from "@mix-effect/node"
import { MixAgent } from "@mix-effect/testing"
import { Config, Layer } from "effect"
import { app } from "./turns.ts"

const ServerLive = NodeHttpServer.layerConfig(() => createServer(), {
  host: Config.withDefault(Config.string("HOST"), "127.0.0.1"),
  port: Config.withDefault(Config.port("PORT"), 3000)
})

app.pipe(
  HttpServer.serve(),
  HttpServer.withLogAddress,
  Layer.provide([ServerLive, MixNode.layer()]),
  Layer.provide(Backend.layer({ generation: "2026-02", agent: MixAgent.demo })), // not in a program of your own
  Layer.launch,
  NodeRuntime.runMain
)
