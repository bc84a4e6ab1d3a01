import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { suite, test } from "node:test";
import { parseGatewayConfig } from "../../src/gateway/parse-gateway-config.ts";
import { readFileSync } from "node:fs";
import { createFileWorld } from "./support/file-world.ts";

const prokura = join(import.meta.dirname, "../../bin/prokura.js");

suite("prokura gateway", () => {
  test("ends with 0 when the agent closes its end", async () => {
    await using files = await createFileWorld();
    const gateway = run("--config", files.configFile);
    gateway.input.end();
    assert.deepEqual(await gateway.ended, [0, null]);
  });

  test("ends with 0 when it is told to stop, on either transport", async () => {
    for (const config of [{}, { listen: { port: 0 } }]) {
      await using files = await createFileWorld(config);
      const gateway = run("--config", files.configFile, "--log-level", "info");
      // The file server says on stderr that it runs; the gateway that it listens.
      await once(gateway.errors, "data");
      gateway.stop();
      assert.deepEqual(await gateway.ended, [0, null]);
    }
  });

  test("ends with 1 when the server behind it cannot be started", async () => {
    await using files = await createFileWorld({ upstream: { command: "/no/such/server" } });
    const gateway = run("--config", files.configFile);
    assert.match(await text(gateway.errors), /no\/such\/server/);
    assert.deepEqual(await gateway.ended, [1, null]);
  });

  test("ends with 2 and names what is wrong", async () => {
    await using files = await createFileWorld();
    await writeFile(files.configFile, "server: fs\nupstrem: {}\n");
    const cases = [
      [["--config", files.configFile], /upstrem: is unknown/],
      [["--config", join(files.root, "none.yaml")], /none\.yaml: cannot be read/],
      [[], /--config: is missing, see `prokura gateway --help`/],
      [["--cofnig", "x"], /--cofnig/],
      [["--config", "x", "--log-format", "xml"], /--log-format: must be one of auto, json, text/],
    ] as const;
    for (const [args, message] of cases) {
      const gateway = run(...args);
      assert.match(await text(gateway.errors), message);
      assert.deepEqual(await gateway.ended, [2, null]);
    }
  });

  test("logs levels by their names, as the server does", async () => {
    await using files = await createFileWorld({ listen: { port: 0 } });
    for (const [format, line] of [
      ["json", /^{"level":"info",.*"msg":"listening"}\n$/],
      ["text", /^[0-9:.]{12} info {2}listening url=http:.* server=fs\n$/],
    ] as const) {
      const gateway = run("--config", files.configFile, "--log-format", format);
      const [written] = await once(gateway.errors, "data");
      assert.match(String(written), line);
      gateway.stop();
      await gateway.ended;
    }
  });

  test("only looks at the configuration with --check", async () => {
    await using files = await createFileWorld();
    const gateway = run("--config", files.configFile, "--check");
    assert.equal(await text(gateway.output), `${files.configFile} is well-formed\n`);
    assert.deepEqual(await gateway.ended, [0, null]);
  });

  test("takes the configuration that is shown as an example", () => {
    const file = new URL("../../demo/gateway.example.yaml", import.meta.url);
    const config = parseGatewayConfig(readFileSync(file, "utf8"));
    assert.equal(config.identity.kind, "token");
    assert.ok(config.tools.size > 5);
  });
});

interface RunningGateway {
  readonly input: NodeJS.WritableStream;
  readonly output: NodeJS.ReadableStream;
  readonly errors: NodeJS.ReadableStream;
  /** Exit code and signal. */
  readonly ended: Promise<unknown>;
  stop(): void;
}

function run(...args: readonly string[]): RunningGateway {
  const child = spawn(process.execPath, [prokura, "gateway", ...args]);
  child.stdout.resume();
  return {
    input: child.stdin,
    output: child.stdout,
    errors: child.stderr,
    ended: once(child, "exit"),
    stop: () => void child.kill("SIGTERM"),
  };
}
