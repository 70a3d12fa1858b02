/** Where a request goes. The route is a template and never holds an id. */
export interface Endpoint {
  readonly method: "GET" | "POST" | "DELETE"
  readonly route: string
}

const history: Endpoint = { method: "GET", route: "/api/messages/history" }

const send: Endpoint = { method: "POST", route: "/api/sessions/{id}/messages" }

/** The endpoint of each operation. */
export const endpoints = {
  getHistory: history,
  listSession: { method: "GET", route: "/api/sessions/{id}/messages" },
  send,
  streamHistory: history,
  followHistory: history,
  createSession: { method: "POST", route: "/api/sessions" },
  listSessions: { method: "GET", route: "/api/sessions" },
  getSession: { method: "GET", route: "/api/sessions/{id}" },
  deleteSession: { method: "DELETE", route: "/api/sessions/{id}" },
  cancelSession: { method: "POST", route: "/api/sessions/{id}/cancel" },
  sessionEvents: { method: "GET", route: "/stream" },
  exportSession: { method: "GET", route: "/api/sessions/{id}/export" },
  answerPermission: { method: "POST", route: "/api/permissions/{id}/{answer}" },
  ask: send
} as const satisfies Readonly<Record<string, Endpoint>>
