import { nodeResolve } from "@rollup/plugin-node-resolve"
import terser from "@rollup/plugin-terser"

export default {
  input: "out/page.js",
  output: { file: "bundles/rollup.mjs", format: "es" },
  plugins: [nodeResolve({ browser: true }), terser({ module: true, ecma: 2020 })]
}
