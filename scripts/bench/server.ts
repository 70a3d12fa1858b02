// The server that every contender reads from, in a process of its own. A server url says what it is like: `/20/300/6000`
// answers after 20 ms and has 6,000 rows of 300 bytes.
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { page } from "./rows.ts"

/** Serialised when they are first asked for, so warming up makes the pages that are measured. */
const pages = new Map<string, Buffer>()
const server = createServer((request, response) => {
  const url = new URL(request.url ?? "", "http://localhost")
  const [, latency = "", bytes, count] = url.pathname.split("/")
  const offset = Number(url.searchParams.get("offset") ?? 0)
  const key = `${bytes} ${count} ${url.search}`
  const end = Math.min(Number(count), offset + Number(url.searchParams.get("limit") ?? 50))
  const body = pages.get(key) ?? page(Number(bytes), offset, end)
  if (Number(count) <= 100_000) pages.set(key, body) // A million rows are read once.
  const head = { "content-type": "application/json", "content-length": body.length }
  const answer = () => response.writeHead(200, head).end(body)
  return void (Number(latency) === 0 ? answer() : setTimeout(answer, Number(latency)))
})
server.keepAliveTimeout = 60_000
server.listen(0, "127.0.0.1", () => process.send?.((server.address() as AddressInfo).port))
process.on("disconnect", () => process.exit())
