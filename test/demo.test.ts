import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { watch } from "node:fs";
import { mkdtemp, readdir, readFile, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { suite, test } from "node:test";

suite("the demo", () => {
  test("goes as it says, and leaves nothing behind", async () => {
    await using folder = await createFolder();
    const demo = start(folder.path);
    const [code] = await once(demo.child, "exit");
    const tally = JSON.parse(demo.lines.at(-1) ?? "");
    assert.equal(code, 0, demo.lines.join("\n"));
    assert.equal(tally.failed, 0);
    assert.ok(tally.steps >= 8);
    assert.ok(tally.check_p50_us > 0 && tally.revoke_to_deny_us > 0);
    assert.deepEqual(await readdir(folder.path), []);
    assert.deepEqual(await processesAbout(folder.path), []);
  });

  test("leaves nothing behind when it is interrupted", async () => {
    const moments = [
      // The server is being started.
      (_: Demo, folder: string) => entryIn(folder),
      (demo: Demo) => demo.line((line) => line.startsWith(" 3 ")),
    ];
    for (const moment of moments) {
      await using folder = await createFolder();
      const demo = start(folder.path);
      await moment(demo, folder.path);
      demo.child.kill("SIGINT");
      const [code] = await once(demo.child, "exit");
      assert.equal(code, 1, demo.lines.join("\n"));
      assert.deepEqual(await readdir(folder.path), []);
      assert.deepEqual(await processesAbout(folder.path), []);
    }
  });
});

interface Demo {
  readonly child: ChildProcess;
  readonly lines: string[];
  line(passes: (line: string) => boolean): Promise<void>;
}

function start(temporary: string): Demo {
  const child = spawn(process.execPath, [join(import.meta.dirname, "../demo/main.ts")], {
    env: { ...process.env, TMPDIR: temporary },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines: string[] = [];
  const reader = createInterface({ input: child.stdout }).on("line", (line) => lines.push(line));
  return {
    child,
    lines,
    async line(passes) {
      while (!lines.some(passes)) await once(reader, "line");
    },
  };
}

async function entryIn(folder: string): Promise<void> {
  const watcher = watch(folder);
  await once(watcher, "change");
  watcher.close();
}

async function createFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await realpath(await mkdtemp(join(tmpdir(), "p-")));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/** Command lines of processes that name the folder, where the system tells. */
async function processesAbout(folder: string): Promise<readonly string[]> {
  const ids = (await readdir("/proc").catch(() => [])).filter((name) => /^\d+$/.test(name));
  const commands = await Promise.all(
    // A process may end while it is looked at.
    ids.map((id) => readFile(`/proc/${id}/cmdline`, "utf8").catch(() => "")),
  );
  return commands.filter((command) => command.includes(folder));
}
