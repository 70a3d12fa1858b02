/** Which way requests to a server go: straight to it, or by a proxy. Decided once for a server url. */
import { BlockList, isIP } from "node:net"
import * as MixConfig from "@mix-effect/http/MixConfig"
import * as Config from "effect/Config"
import type * as ConfigError from "effect/ConfigError"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"

/** A proxy, and how it is used. */
export interface Proxy {
  /** The variable that names it. */
  readonly variable: string
  /** `host:port`. */
  readonly address: string
  readonly origin: string
  /** The value of `Proxy-Authorization`, if the proxy's url has credentials. */
  readonly authorization: string | undefined
  /** Servers of https are reached by a tunnel (`CONNECT`). A proxy forwards what goes to servers of http. */
  readonly tunnel: boolean
}

/** Reads a variable: its value without blanks around it, or `""` if it is not set. */
export type Read = (name: string) => Effect.Effect<string, ConfigError.ConfigError>

/** Reads the environment. Names in lower case take precedence. A blank variable counts as unset. */
export const variable: Read = (name) => {
  const value = (name: string) =>
    Config.string(name).pipe(
      Config.map((value) => value.trim()),
      Config.option,
      Config.map(Option.getOrElse(() => ""))
    )
  return MixConfig.read(
    Config.map(Config.all([value(name.toLowerCase()), value(name)]), ([lower, upper]) => (lower === "" ? upper : lower))
  )
}

/** In NO_PROXY: use the proxy for this machine too. Chromium's word for it. */
const notLoopback = "<-loopback>"

/** As `URL` writes it: lower case, punycode, the usual form of addresses. Without a dot at the end. */
const canonical = (host: string): string => {
  const url = `http://${host}/`
  return (URL.canParse(url) ? new URL(url).hostname : host.toLowerCase()).replace(/\.$/, "")
}

const family = (address: string) => (isIP(address) === 6 ? "ipv6" : "ipv4")

const inSubnet = (hostname: string, network: string, prefix: string): boolean => {
  const address = hostname.replace(/^\[|\]$/g, "")
  const bits = Number(prefix)
  if (isIP(address) === 0 || isIP(network) === 0 || bits > (isIP(network) === 6 ? 128 : 32)) return false
  const list = new BlockList()
  list.addSubnet(network, bits, family(network))
  return list.check(address, family(address))
}

/** Whether one entry of NO_PROXY is about a server. */
const matches = (entry: string, hostname: string, port: string): boolean => {
  if (entry === "*") return true
  const subnet = /^\[?([^\]]+)\]?\/(\d+)$/.exec(entry)
  if (subnet !== null) return inSubnet(hostname, subnet[1] as string, subnet[2] as string)
  // Two colons outside of brackets are an IPv6 address, which then has no port.
  const [, host = entry, only] = isIP(entry) === 6 ? [entry, `[${entry}]`] : (/^(.*?)(?::(\d+))?$/.exec(entry) ?? [])
  if (only !== undefined && Number(only) !== Number(port)) return false
  const name = canonical(host.replace(/^\*?\./, ""))
  return name !== "" && (hostname === name || (isIP(name) === 0 && hostname.endsWith(`.${name}`)))
}

const isBypassed = (url: URL, noProxy: string): boolean => {
  const entries = noProxy.split(/[,;\s]+/)
  const hostname = canonical(url.hostname)
  const port = url.port || (url.protocol === "https:" ? "443" : "80")
  if (MixConfig.isLoopback(url) && !entries.includes(notLoopback)) return true
  return entries.some((entry) => matches(entry, hostname, port))
}

const refuse = (variable: string, why: string) => Effect.fail(MixConfig.invalid(variable, why))

const parse = (variable: string, text: string, tunnel: boolean): Effect.Effect<Proxy, ConfigError.ConfigError> => {
  // Without a scheme it must have a port: a lone word is more often a mistake than a host.
  const full = /^[^/]*:\d+\/?$/.test(text) ? `http://${text}` : text
  const url = URL.canParse(full) ? new URL(full) : undefined
  if (/^socks/i.test(url?.protocol ?? "")) {
    return refuse(variable, "SOCKS proxies are not supported; use one of http, or give MixNode a dispatcher")
  }
  const isPlain = url !== undefined && url.pathname === "/" && !/[?#]/.test(full) && url.port !== "0"
  if (!isPlain || !/^https?:$/.test(url.protocol) || !/^(\[[\da-f:.]+\]|[\w.-]+)$/.test(url.hostname)) {
    return refuse(variable, "not the url of a proxy; it looks like http://proxy.example:3128")
  }
  let credentials: string
  try {
    credentials = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`
  } catch {
    return refuse(variable, "a % in the credentials of the proxy's url must be written as %25")
  }
  return Effect.succeed({
    variable,
    address: `${url.hostname}:${url.port || (url.protocol === "https:" ? "443" : "80")}`,
    origin: url.origin,
    authorization: credentials === ":" ? undefined : `Basic ${Buffer.from(credentials).toString("base64")}`,
    tunnel
  })
}

/** The proxy for a server, or `undefined` for none. Variables that do not matter for it are not read, or not checked. */
export const choose = (server: URL, read: Read): Effect.Effect<Proxy | undefined, ConfigError.ConfigError> =>
  Effect.gen(function* () {
    const tunnel = server.protocol === "https:"
    for (const variable of tunnel ? ["HTTPS_PROXY", "HTTP_PROXY"] : ["HTTP_PROXY"]) {
      const text = yield* read(variable)
      if (text === "") continue
      return isBypassed(server, yield* read("NO_PROXY")) ? undefined : yield* parse(variable, text, tunnel)
    }
    return undefined
  })
