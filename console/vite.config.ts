import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

/** Where `isoguide serve` listens; the development server hands the interface on to it. */
const SERVICE = "http://127.0.0.1:8080";

/**
 * Says in the page, and to the service in `build.json`, which build this is: the names of the hashed files that
 * the document loads. The service refuses orders of a page that is not the one it serves.
 */
function namedBuild(): Plugin {
  return {
    name: "named-build",
    apply: "build",
    enforce: "post",
    generateBundle(_, bundle) {
      const index = bundle["index.html"];
      if (index?.type !== "asset" || typeof index.source !== "string") {
        return;
      }
      const build = [...index.source.matchAll(/assets\/([\w-]+)\.(?:js|css)"/g)]
        .map((match) => match[1])
        .join(".");
      const meta = `<meta name="isoguide-page" content="${build}" />`;
      index.source = index.source.replace("</head>", `  ${meta}\n  </head>`);
      this.emitFile({ type: "asset", fileName: "build.json", source: `${JSON.stringify({ build })}\n` });
    },
  };
}

export default defineConfig({
  base: "/",
  plugins: [namedBuild()],
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
