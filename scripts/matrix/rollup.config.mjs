import { nodeResolve } from "@rollup/plugin-node-resolve"

export default {
  input: "out/page.js",
  output: { file: "bundles/rollup.mjs", format: "es" },
  plugins: [nodeResolve({ browser: true })]
}
