/**
 * Test doubles for code that talks to a Mix backend.
 *
 * @since 0.1.0
 */
export * as FaultServer from "./FaultServer.ts"
export * as MessagesTest from "./MessagesTest.ts"
export * as MixAgent from "./MixAgent.ts"
export * as MixServer from "./MixServer.ts"
