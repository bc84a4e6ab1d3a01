import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { suite, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

const remainsFile = join(import.meta.dirname, "../support/remains.ts");

/** Starts a process that outlives it, says its number, and stays. */
const program = `
  import { spawn } from "node:child_process";
  import { removeWithProcess } from ${JSON.stringify(remainsFile)};
  const [folder] = process.argv.slice(-1);
  const remains = removeWithProcess(folder);
  const left = spawn("sh", ["-c", "sleep 1000 & wait", folder], { detached: true, stdio: "ignore" });
  remains.addProcess(left.pid, folder);
  remains.addProcess(process.ppid, "a mark that it does not have");
  console.log(left.pid);
  setInterval(() => {}, 1000);
`;

suite("removeWithProcess", () => {
  test("clears up after a process that was killed, and hits no other", async () => {
    const folder = await mkdtemp(join(tmpdir(), "prokura-remains-"));
    const args = ["--input-type=module", "-e", program, folder];
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
    const [line] = await once(createInterface({ input: child.stdout }), "line");
    const left = Number(line);
    assert.ok(isAlive(left));
    child.kill("SIGKILL");
    while (existsSync(folder) || isAlive(left)) await sleep(20);
    assert.ok(isAlive(process.pid));
  });
});

function isAlive(processId: number): boolean {
  try {
    process.kill(processId, 0);
    return true;
  } catch {
    return false;
  }
}
