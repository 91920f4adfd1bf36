import js from "@eslint/js";
import svelte from "eslint-plugin-svelte";
import ts from "typescript-eslint";
import svelteConfig from "./svelte.config.js";

const browser = Object.fromEntries(
  [
    "window document location history navigator localStorage console fetch URL URLSearchParams Blob AbortController",
    "EventSource ResizeObserver IntersectionObserver requestAnimationFrame cancelAnimationFrame setTimeout clearTimeout",
    "setInterval clearInterval performance matchMedia getComputedStyle queueMicrotask structuredClone TextDecoder Intl",
    "process Path2D devicePixelRatio",
  ]
    .join(" ")
    .split(" ")
    .map((name) => [name, "readonly"]),
);

export default ts.config(
  { ignores: ["dist", "node_modules"] },
  js.configs.recommended,
  ...ts.configs.strict,
  ...svelte.configs.recommended,
  { languageOptions: { globals: browser } },
  {
    files: ["**/*.svelte", "**/*.svelte.ts"],
    languageOptions: { parserOptions: { parser: ts.parser, extraFileExtensions: [".svelte"], svelteConfig } },
  },
  {
    rules: {
      "no-undef": "off", // TypeScript knows the names
      "svelte/no-navigation-without-resolve": "off", // of SvelteKit, which is not used here
      "svelte/prefer-svelte-reactivity": "off", // maps and sets here are replaced, not mutated
      "svelte/no-useless-children-snippet": "off", // beside another snippet it is clearer
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
    },
  },
);
