/** Listens for what tests in the browser ask of the servers: a name and arguments in, a value out, as JSON. */
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import * as Effect from "effect/Effect"
import type { TestProject } from "vitest/node"
import * as Servers from "./servers.ts"

declare module "vitest" {
  interface ProvidedContext {
    readonly control: string
  }
}

export default async ({ provide }: TestProject) => {
  const servers = Servers.make()
  const commands = servers as unknown as Record<string, (...args: Array<unknown>) => Effect.Effect<unknown, unknown>>
  const control = createServer((request, response) => {
    const chunks: Array<Uint8Array> = []
    request.on("data", (chunk: Uint8Array) => chunks.push(chunk))
    request.on("end", () => {
      const answer = (status: number, value: unknown) =>
        response.writeHead(status, { "access-control-allow-origin": "*" }).end(JSON.stringify(value ?? null))
      const { args, name } = JSON.parse(Buffer.concat(chunks).toString()) as { name: string; args: Array<unknown> }
      const command = commands[name] ?? (() => Effect.fail(`no command ${name}`))
      Effect.runPromise(Effect.suspend(() => command(...args))).then(
        (value) => answer(200, value),
        (error) => answer(500, String(error))
      )
    })
  })
  await new Promise<void>((resolve) => control.listen(0, "127.0.0.1", resolve))
  provide("control", `http://127.0.0.1:${(control.address() as AddressInfo).port}`)
  return async () => {
    control.closeAllConnections()
    control.close()
    await Effect.runPromise(servers.closeAll)
  }
}
