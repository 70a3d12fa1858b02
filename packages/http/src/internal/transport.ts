/** What the codes of a failing engine mean. */
import { ConnectionError, type Operation, RequestTimeout, ResponseDecodeError } from "@mix-effect/core"
import type { EngineError, Progress } from "../Engine.ts"

const certificate = /^(CERT_|DEPTH_ZERO_|SELF_SIGNED|UNABLE_TO_|ERR_TLS_CERT|HOSTNAME_MISMATCH)/

const tls = /^(EPROTO$|ERR_SSL_|ERR_TLS_)/

/**
 * Codes without a system call that cannot follow a write: of name lookup, of undici before a connection stands, and of
 * certificates, which are verified before anything is sent.
 */
const beforeWrite = /^(ENOTFOUND|EAI_[A-Z]+|UND_ERR_CONNECT_TIMEOUT|UND_ERR_PRX_TLS)$/

/**
 * Whether an error proves that nothing was sent, where the engine does not know. Linux ends connections that stand with
 * ECONNREFUSED, EHOSTUNREACH, ENETUNREACH and others too, so those codes count only if the call that failed is `connect`.
 */
const neverConnected = ({ code, syscall }: EngineError): boolean =>
  syscall === undefined
    ? beforeWrite.test(code) || certificate.test(code)
    : syscall === "connect" || syscall === "getaddrinfo"

/** The client's own scope is closed, and with it the client. */
const closed = /^UND_ERR_(DESTROYED|CLOSED)$/

/** What fails once fails always: a client that is closed, or one that cannot make such requests. */
const forGood = /^UND_ERR_(DESTROYED|CLOSED|INVALID_ARG)$/

const certificateHint = (code: string): string => {
  if (/NAME_(INVALID|MISMATCH)/.test(code)) return ": it is for another host; is the server url right?"
  if (/^CERT_(HAS_EXPIRED|NOT_YET)/.test(code))
    return ": it has expired or is not valid yet; is the clock of this machine right?"
  return "; see NODE_EXTRA_CA_CERTS for a private authority"
}

const hintOf = (code: string, phase: ConnectionError["phase"]): string | undefined => {
  if (code.startsWith("HPE_") || code === "UND_ERR_HEADERS_OVERFLOW") return "what answers there does not speak HTTP"
  if (code.startsWith("UND_ERR_PRX_")) return "the proxy refused; see HTTP_PROXY, HTTPS_PROXY and NO_PROXY"
  if (code === "UND_ERR_INVALID_ARG") return "the dispatcher refuses such requests; is it of undici 7?"
  if (closed.test(code)) return "the scope of the client's layer is closed"
  // Only what has a location has an origin: pages and their workers.
  if (code === "FETCH_FAILED" && globalThis.location !== undefined)
    return "the server may be down, or refuse this origin (CORS); the browser does not say which"
  if (code === "FETCH_FAILED" || code === "UNKNOWN")
    return "no reason was given; is the Mix backend running, and is the server url right?"
  if (code === "ECONNRESET" || code === "UND_ERR_SOCKET" || code === "EPIPE") return "the server or a proxy closed it"
  // The rest explains connections that never stood.
  if (phase === "headers") return undefined
  if (code === "ECONNREFUSED") return "nothing listens there; is the Mix backend running, and is the server url right?"
  if (code === "ENOTFOUND") return "no such host; is the server url right?"
  if (code.startsWith("EAI_")) return "the name server does not answer"
  if (certificate.test(code)) return `its certificate is not trusted${certificateHint(code)}`
  if (tls.test(code)) return "no TLS could be agreed on; does the server speak https at this port?"
  if (code === "EMFILE" || code === "ENFILE") return "this process has too many files open"
  return undefined
}

/** How far the request got. What the engine knows is final; where it knows nothing, the error itself may be proof. */
const reached = (phase: Progress["phase"], error: EngineError): ConnectionError["phase"] => {
  if (phase === "body") return "headers"
  return phase === "unknown" && neverConnected(error) ? "connect" : phase
}

/** A failure before the head of the reply. */
export const fromRequestError = (
  operation: Operation,
  address: string,
  progress: Progress,
  error: EngineError
): ConnectionError | RequestTimeout => {
  const { code } = error
  const phase = reached(progress.phase, error)
  if (code === "UND_ERR_CONNECT_TIMEOUT" || code === "UND_ERR_HEADERS_TIMEOUT" || code === "ETIMEDOUT") {
    return new RequestTimeout({ operation, phase: waitedFor(phase), scope: "engine" })
  }
  // On a connection that stood, a failure of TLS is a lost connection like others.
  const untrusted = phase !== "headers" && (certificate.test(code) || tls.test(code))
  const transient = !untrusted && !forGood.test(code) && !code.startsWith("UND_ERR_PRX_")
  const hint = error.hint ?? hintOf(code, phase)
  return new ConnectionError({ operation, code, phase, address, transient, ...(hint && { hint }) })
}

/** What a limit that ran out was waiting for. */
export const waitedFor = (phase: Progress["phase"]): RequestTimeout["phase"] =>
  phase === "unknown" ? "headers" : phase

/** A reply without a status: all that browsers show of a redirect that is not followed. */
export const hidden = (operation: Operation, address: string): ConnectionError =>
  new ConnectionError({
    operation,
    code: "OPAQUE_RESPONSE",
    phase: "headers",
    address,
    transient: false,
    hint: "probably a redirect, which is never followed; is the server url right, to the letter?"
  })

const broken = /^(Z_DATA_ERROR|Z_NEED_DICT|Z_STREAM_ERROR|Z_MEM_ERROR|ERR_(?!STREAM_PREMATURE_CLOSE))/

/** A failure while the body came. */
export const fromBodyError = (
  operation: Operation,
  status: number,
  { code }: EngineError
): ResponseDecodeError | RequestTimeout => {
  if (code === "UND_ERR_BODY_TIMEOUT") return new RequestTimeout({ operation, phase: "body", scope: "engine" })
  return broken.test(code)
    ? new ResponseDecodeError({
        operation,
        status,
        reason: "malformed",
        expected: "an intact compressed body",
        actual: "a broken one"
      })
    : new ResponseDecodeError({ operation, status, reason: "truncated" })
}
