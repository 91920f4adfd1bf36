import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";
import { fixtureServer } from "./dev/server.ts";

/** RUNLORE_SERVER names a running server to develop against; without it, made-up runs answer. */
const server = process.env["RUNLORE_SERVER"];

export default defineConfig({
  base: "./",
  plugins: [svelte(), ...(server ? [] : [fixtureServer()])],
  server: server ? { proxy: { "/api": server } } : {},
  build: {
    target: "es2022",
    // One digest in each name: the server lets browsers keep assets for ever.
    assetsDir: "assets",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  test: {
    environment: "node",
    include: ["src/**/*.test.ts"],
  },
  ...(process.env["VITEST"] ? { resolve: { conditions: ["browser"] } } : {}),
});
