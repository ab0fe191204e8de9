// What the linter holds the code to: types are used honestly, promises are awaited, functions and files stay small.
// Who may import whom is checked by dependency-cruiser, what nobody uses by knip, layout by prettier.

import tseslint from "typescript-eslint";

export default tseslint.config(
  { ignores: ["node_modules/", "coverage/", ".tmp/"] },
  ...tseslint.configs.recommendedTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      complexity: ["error", 10],
      eqeqeq: "error",
      "max-lines": ["error", 400],
      "no-console": "error",
      "no-restricted-exports": ["error", { restrictDefaultExports: { direct: true, named: true, defaultFrom: true } }],
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/no-floating-promises": "error",
      "@typescript-eslint/no-misused-promises": "error",
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
    },
  },
  {
    // Interfaces demand promises of test doubles and scripts that have nothing to wait for; tests look into raw JSON.
    files: ["test/**", "scripts/**", "bench/**"],
    rules: {
      "@typescript-eslint/require-await": "off",
      "@typescript-eslint/no-unsafe-argument": "off",
      "@typescript-eslint/no-unsafe-assignment": "off",
      "@typescript-eslint/no-unsafe-call": "off",
      "@typescript-eslint/no-unsafe-member-access": "off",
      "@typescript-eslint/no-unsafe-return": "off",
    },
  },
  { files: ["scripts/**", "cmd/**", "bench/**"], rules: { "no-console": "off" } },
  // A configuration file is a default export, because its tool demands one.
  { files: ["*.config.ts", "*.config.mjs", ".*.mjs"], rules: { "no-restricted-exports": "off" } },
);
