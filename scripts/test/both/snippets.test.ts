import { describe } from "@effect/vitest"
import { editions } from "../../tarballs.ts"
import { allRun } from "../runSnippets.ts"

describe("Snippets with Effect 4", () => allRun(4, editions["effect-4"]))
