export default {
  build: { outDir: "bundles", rollupOptions: { input: "out/page.js", output: { entryFileNames: "vite.mjs" } } }
}
