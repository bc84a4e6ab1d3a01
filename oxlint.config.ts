import type { OxlintConfig, OxlintOverride } from "oxlint";

/** What each layer may import beside itself. An arrow that is not here does not exist. */
const layers: Readonly<Record<string, readonly string[]>> = {
  core: [],
  model: ["core"],
  engine: ["core", "model"],
  identity: ["core"],
  audit: ["core"],
  store: ["core", "model", "audit"],
  replica: ["core", "model", "engine"],
  service: ["core", "model", "engine", "identity", "audit", "store", "replica"],
  rpc: ["core", "audit", "service", "gen"],
  client: ["core", "gen"],
  gateway: ["client", "core", "identity"],
  cli: ["client", "core", "model", "engine", "audit"],
};

/** Packages that only these layers may name. What is not here, any layer but a pure one may. */
const packages: Readonly<Record<string, readonly string[]>> = {
  kysely: ["store"],
  pg: ["store"],
  "@openfga": ["model"],
  "@bufbuild/cel": ["model"],
  "@bufbuild/protobuf": ["model", "rpc", "client"],
  "@grpc": ["rpc", "client"],
  "grpc-health-check": ["rpc"],
  "@connectrpc": ["rpc", "client"],
  "@modelcontextprotocol": ["gateway"],
  jose: ["identity"],
};

/** Layers whose functions take values and return values: no clock, no chance, no I/O, no packages. */
const pureLayers: readonly string[] = ["core", "engine"];

const config: OxlintConfig = {
  plugins: ["eslint", "typescript", "unicorn", "oxc", "import", "node", "promise"],
  options: { typeAware: true, reportUnusedDisableDirectives: "error", denyWarnings: true },
  ignorePatterns: ["src/gen/**", "dist/**"],
  categories: { correctness: "error" },
  rules: {
    eqeqeq: "error",
    "max-lines": ["error", { max: 400 }],
    "max-lines-per-function": ["error", { max: 70 }],
    "no-console": "error",
    "no-var": "error",
    "prefer-const": "error",
    "import/no-cycle": "error",
    "import/no-default-export": "error",
    "oxc/no-barrel-file": ["error", { threshold: 0 }],
    "unicorn/filename-case": ["error", { case: "kebabCase" }],
    "typescript/consistent-type-imports": "error",
    "typescript/no-explicit-any": "error",
    "typescript/no-floating-promises": [
      "error",
      {
        allowForKnownSafeCalls: [
          { from: "package", package: "node:test", name: ["suite", "test"] },
        ],
      },
    ],
    "typescript/no-misused-promises": "error",
    "typescript/no-non-null-assertion": "error",
    "typescript/no-unsafe-type-assertion": "error",
    "typescript/only-throw-error": "error",
    "typescript/switch-exhaustiveness-check": [
      "error",
      { allowDefaultCaseForExhaustiveSwitch: false },
    ],
  },
  overrides: [
    ...Object.entries(layers).map(([layer, allowed]) => walls(`src/${layer}/**`, layer, allowed)),
    // The adapter of the replica's `Db` port.
    walls("src/replica/postgres.ts", "replica", ["core", "model", "engine", "store"]),
    {
      files: pureLayers.map((layer) => `src/${layer}/**`),
      rules: {
        "no-restricted-globals": [
          "error",
          "Date",
          "fetch",
          "performance",
          "process",
          "queueMicrotask",
          "setImmediate",
          "setInterval",
          "setTimeout",
        ],
        "no-restricted-properties": ["error", { object: "Math", property: "random" }],
      },
    },
    {
      // A brand is made by an assertion, and made nowhere but in the nouns.
      files: ["src/core/**"],
      rules: { "typescript/no-unsafe-type-assertion": "off" },
    },
    {
      // Enums of the wire are open: another version may send a value that this one does not know.
      files: ["src/rpc/**", "src/client/**", "src/cli/**", "src/gateway/**"],
      rules: { "typescript/switch-exhaustiveness-check": "error" },
    },
    {
      files: ["src/main.ts", "src/cli/**", "benchmarks/**"],
      rules: { "no-console": "off" },
    },
    {
      files: ["test/**", "benchmarks/**"],
      rules: { "max-lines-per-function": "off" },
    },
  ],
};

export default config;

/** What the files of a layer may not import; `import type` counts. */
function walls(files: string, layer: string, allowed: readonly string[]): OxlintOverride {
  const closed = [...Object.keys(layers), "gen", "src"].filter(
    (other) => other !== layer && !allowed.includes(other),
  );
  const foreign = Object.keys(packages).filter((name) => packages[name]?.includes(layer) !== true);
  const patterns = [
    {
      regex: `^\\.\\./(.*/)?(${closed.join("|")})/`,
      message: `\`${layer}\` imports only: ${[layer, ...allowed].join(", ")}`,
    },
    {
      regex: "^\\.\\./(\\.\\./)*(main|config)\\.ts$",
      message: "the composition root imports the layers, never the other way round",
    },
    {
      regex: `^(${foreign.join("|")})(/|$)`,
      message: "this package stays within the layers that oxlint.config.ts names for it",
    },
  ];
  const outside = {
    group: ["*", "!./**", "!../**", "!node:assert", "!node:assert/strict"],
    message: `\`${layer}\` is pure: beside other files it imports only node:assert`,
  };
  const pure = pureLayers.includes(layer) ? [outside] : [];
  return {
    files: [files],
    rules: { "no-restricted-imports": ["error", { patterns: [...patterns, ...pure] }] },
  };
}
