import { defineConfig } from "vitest/config"
import projects from "./vitest.workspace.ts"

// Vitest would leave one core idle for itself, and on two cores run everything in turn.
export default defineConfig({ test: { projects, minWorkers: 1, maxWorkers: 2 } })
