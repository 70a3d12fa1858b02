/**
 * The Mix client for Node.js.
 *
 * @since 0.1.0
 */
export * as MixNode from "./MixNode.ts"
