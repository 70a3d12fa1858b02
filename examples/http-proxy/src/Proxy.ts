/** A small HTTP proxy, so that there is one to go through: it forwards requests and opens tunnels. */
import * as Http from "node:http"
import * as Net from "node:net"
import { Effect } from "effect"

/** Runs as long as the scope. Whatever host it is asked for, `resolve` names the one it goes to. */
export const serve = (resolve: (host: string) => string = (host) => host) =>
  Effect.gen(function* () {
    const asked: Array<string> = []
    const sockets = new Set<Net.Socket>()
    const keep = (socket: Net.Socket) => {
      sockets.add(socket.on("error", () => socket.destroy()).on("close", () => sockets.delete(socket)))
      return socket
    }

    // A request for an absolute url is forwarded.
    const server = Http.createServer((request, response) => {
      const { host, hostname, pathname, port, search } = new URL(request.url ?? "", "http://proxy.invalid")
      asked.push(`${request.method} ${host}${pathname}`)
      const { headers, method } = request
      const onward = Http.request(
        { host: resolve(hostname), port, path: pathname + search, method, headers },
        (reply) => {
          response.writeHead(reply.statusCode ?? 502, reply.headers)
          reply.pipe(response)
        }
      )
      request.pipe(onward.on("error", () => response.writeHead(502).end()))
    }).on("connection", keep)

    // After CONNECT bytes go both ways as they are: TLS stays between the client and its server.
    server.on("connect", (request, client: Net.Socket) => {
      asked.push(`CONNECT ${request.url}`)
      const { hostname, port } = new URL(`tcp://${request.url}`)
      const onward = keep(Net.connect(Number(port), resolve(hostname)))
      const refuse = () => client.end("HTTP/1.1 502 Bad Gateway\r\n\r\n")
      onward.once("error", refuse).once("connect", () => {
        onward.off("error", refuse).on("close", () => client.destroy())
        client.write("HTTP/1.1 200 Connection established\r\n\r\n")
        onward.pipe(client).pipe(onward)
      })
    })

    yield* Effect.acquireRelease(
      Effect.async<void>((resume) => {
        server.listen(0, "127.0.0.1", () => resume(Effect.void))
      }),
      () =>
        Effect.async<void>((resume) => {
          server.close(() => resume(Effect.void))
          for (const socket of sockets) socket.destroy()
        })
    )
    const address = server.address()
    const port = typeof address === "object" && address !== null ? address.port : 0
    return {
      url: `http://127.0.0.1:${port}`,
      /** What it was asked for, as in `CONNECT mix.example.com:443`, in order. */
      asked: Effect.sync(() => [...asked])
    }
  })
