/** Which servers to mirror, and what they are called in the archive. */
import { Data, Effect } from "effect"

export class ServerUrlError extends Data.TaggedError("ServerUrlError")<{ readonly message: string }> {}

/** The name of a server in the archive: its url without credentials, query and trailing slash. */
export const nameOf = (url: string): Effect.Effect<string, ServerUrlError> => {
  const trimmed = url.trim()
  if (!URL.canParse(trimmed) || !/^https?:\/\//i.test(trimmed)) {
    return new ServerUrlError({ message: "--server takes a url as in http://localhost:8088" })
  }
  const { host, pathname, protocol } = new URL(trimmed)
  return Effect.succeed(`${protocol}//${host}${pathname}`.replace(/\/+$/, ""))
}
