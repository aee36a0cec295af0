import { defineConfig } from "vitest/config";

/** Where `isoguide serve` listens; the development server hands the interface on to it. */
const SERVICE = "http://127.0.0.1:8080";

export default defineConfig({
  base: "/",
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  worker: { format: "es" },
  build: {
    outDir: "../src/isoguide/service/page",
    emptyOutDir: true,
    target: "es2023",
    sourcemap: false,
    // A strict content security policy allows neither inline scripts nor data addresses.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: {
    host: "127.0.0.1",
    // Shared memory between the page and its workers needs an isolated origin, as in the service.
    headers: {
      "Cross-Origin-Opener-Policy": "same-origin",
      "Cross-Origin-Embedder-Policy": "require-corp",
    },
    proxy: { "/api": { target: SERVICE, ws: true } },
  },
  test: {
    include: ["src/**/*.test.{ts,tsx}", "tests/**/*.test.{ts,tsx}"],
    environment: "node",
    // The colours are read from the style sheet to check their contrast.
    css: { include: /tokens\.css/ },
    restoreMocks: true,
    passWithNoTests: false,
  },
});
