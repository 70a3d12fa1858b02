/**
 * The services over HTTP.
 *
 * @since 0.1.0
 */
export * as Engine from "./Engine.ts"
export * as MessagesHttp from "./MessagesHttp.ts"
export * as MixConfig from "./MixConfig.ts"
export * as RetryPolicy from "./RetryPolicy.ts"
export * as Services from "./Services.ts"
export * as SessionsHttp from "./SessionsHttp.ts"
