// The server that all contenders read from, in a process of its own. A serverUrl says what it is to be like: `/20/300/6000`
// answers after 20 ms, has rows of 300 bytes, and 6,000 of them. Below it, `/digest/3` is what has been read when all of them
// were read three times.
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { type Corpus, Digest, make } from "./rows.ts"

const corpora = new Map<number, Corpus>()

const corpus = (bytes: number, count: number): Corpus => {
  const known = corpora.get(bytes)
  if (known !== undefined && known.count >= count) return known
  const made = make(count, bytes)
  corpora.set(bytes, made)
  return made
}

const digest = ({ page }: Corpus, count: number, times: number): string => {
  const digest = new Digest()
  for (let time = 0; time < times; time++) {
    for (let offset = 0; offset < count; offset += 1000) {
      digest.add(JSON.parse(page(offset, Math.min(1000, count - offset)).toString()))
    }
  }
  return digest.toString()
}

const server = createServer((request, response) => {
  const url = new URL(request.url ?? "", "http://localhost")
  const [, latency, bytes, count, what, times] = url.pathname.split("/")
  const rows = corpus(Number(bytes), Number(count))
  if (what === "digest") {
    response.end(digest(rows, Number(count), Number(times)))
    return
  }
  const asked = (name: string, otherwise: number) => Number(url.searchParams.get(name) ?? otherwise)
  const offset = asked("offset", 0)
  const answer = () => {
    const body = rows.page(offset, Math.min(asked("limit", 50), Math.max(0, Number(count) - offset)))
    response.writeHead(200, { "content-type": "application/json", "content-length": body.length }).end(body)
  }
  if (Number(latency) === 0) answer()
  else setTimeout(answer, Number(latency))
})
server.keepAliveTimeout = 60_000
server.listen(0, "127.0.0.1", () => process.send?.((server.address() as AddressInfo).port))
process.on("disconnect", () => process.exit())
