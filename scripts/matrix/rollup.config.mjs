import { nodeResolve } from "@rollup/plugin-node-resolve"
import terser from "@rollup/plugin-terser"

/** As dependencies are: circles among modules of effect, and old ways of compiling. Nothing else may be amiss. */
const known = ["CIRCULAR_DEPENDENCY", "THIS_IS_UNDEFINED"]

export default {
  input: "out/page.js",
  output: { file: "bundles/rollup.mjs", format: "es" },
  plugins: [nodeResolve({ browser: true }), terser({ module: true, ecma: 2020 })],
  onwarn: ({ code, message }) => {
    if (!known.includes(code)) throw new Error(message)
  }
}
