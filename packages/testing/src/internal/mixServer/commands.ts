import { marshal } from "./json.ts"

const commands: Readonly<Record<string, string>> = {
  help: "Show <available> commands",
  clear: "Start new session",
  session: "Show this session",
  sessions: "List the sessions",
  mcp: "List the MCP servers",
  context: "Show how full the context is",
  login: "Connect a provider"
}

/** The names, in the order in which an error lists them. */
export const names: ReadonlyArray<string> = Object.keys(commands)

/** The name of a command: what is between the slash and the first blank. A line break does not end it. */
export const parse = (text: string): string => text.slice(1).split(" ", 1)[0] ?? ""

/** What a command answers; `undefined` where there is none of that name. */
export const run = (name: string): string | undefined => {
  if (!Object.hasOwn(commands, name)) return undefined
  const list = Object.entries(commands)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, description]) => ({ name, description, usage: `/${name}` }))
  return marshal(name === "help" ? { type: "help", commands: list } : { type: name, message: `${name}: done` })
}
