import assert from "node:assert/strict";
import { spawn, spawnSync, type ChildProcess, type SpawnSyncReturns } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { suite, test } from "node:test";
import { hasEnded, ownProcess } from "../../src/store/process-identity.ts";

const own = ownProcess();

suite("the identity of a process", { skip: own === undefined && "known on Linux only" }, () => {
  test("proves an end once the process is gone, and not before", async () => {
    const { child, identity } = await startOther();
    assert.notEqual(identity, own);
    assert.equal(hasEnded(identity), false);
    child.kill("SIGSTOP");
    assert.equal(hasEnded(identity), false);
    const exited = once(child, "exit");
    child.kill("SIGKILL");
    await exited;
    assert.equal(hasEnded(identity), true);
  });

  test("proves the end of a process whose id is another's by now", () => {
    assert.equal(hasEnded(String(own)), false);
    assert.equal(hasEnded(String(own).replace(/[0-9]+$/, "1")), true);
  });

  test("proves nothing of another kernel or namespace, or where it is none at all", () => {
    const [boot, processes, times] = String(own).split(" ");
    const gone = "4194303 1";
    assert.equal(hasEnded(`${boot} ${processes} ${times} ${gone}`), true);
    assert.equal(hasEnded(`other ${processes} ${times} ${gone}`), false);
    assert.equal(hasEnded(`${boot} pid:[1] ${times} ${gone}`), false);
    assert.equal(hasEnded(`${boot} ${processes} time:[1] ${gone}`), false);
    assert.equal(hasEnded(`${boot} ${processes} ${times} 0 1`), false);
    assert.equal(hasEnded(`${boot} ${processes} ${times} -1 1`), false);
    assert.equal(hasEnded(`${boot} ${processes} ${times}`), false);
    assert.equal(hasEnded(""), false);
  });
});

const source = new URL("../../src/store/process-identity.ts", import.meta.url).href;

suite("the identity of a process under a foreign `/proc`", () => {
  // A process namespace of its own, below the `/proc` of the one that it comes from.
  const inside = (script: string): SpawnSyncReturns<string> =>
    spawnSync(
      "unshare",
      ["--user", "--map-root-user", "--pid", "--fork", process.execPath, "-e", script],
      { encoding: "utf8" },
    );
  const isPossible = inside("").status === 0;
  const options = { skip: !isPossible && "no process namespace can be made here" };

  test("is not known, and proves no end of a process that lives", options, () => {
    const { stdout } = inside(`import(${JSON.stringify(source)}).then((identity) => {
      const { readFileSync, readlinkSync } = require("node:fs");
      const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
      const names = ["pid", "time"].map((name) => readlinkSync("/proc/self/ns/" + name));
      // Its own, which lives, but has another start in that \`/proc\`.
      const living = [boot, ...names, process.pid, 1].join(" ");
      console.log(identity.ownProcess(), identity.hasEnded(living));
    });`);
    assert.equal(stdout.trim(), "undefined false");
  });
});

async function startOther(): Promise<{ readonly child: ChildProcess; readonly identity: string }> {
  const script = `const { ownProcess } = await import(${JSON.stringify(source)});
    console.log(ownProcess()); setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  assert(child.stdout !== null);
  const [line] = await once(createInterface({ input: child.stdout }), "line");
  return { child, identity: String(line) };
}
