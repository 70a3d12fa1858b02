/**
 * The Mix client for browsers and workers.
 *
 * @since 0.1.0
 */
export * as MixBrowser from "./MixBrowser.ts"
