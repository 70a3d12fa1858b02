/** Reads once, with retries at once, and says how it failed. */
import { RetryPolicy } from "@mix-effect/http"
import { policy } from "../policy.ts"
import { failed, report } from "./globals.ts"

report({}, (messages) => failed(messages.getHistory().pipe(RetryPolicy.withRetryPolicy(policy(3)))))
