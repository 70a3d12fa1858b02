/** Reads once, and says how it failed. */
import { failed, report } from "./globals.ts"

report({}, (messages) => failed(messages.getHistory()))
