import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
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

async function startOther(): Promise<{ readonly child: ChildProcess; readonly identity: string }> {
  const source = new URL("../../src/store/process-identity.ts", import.meta.url).href;
  const script = `const { ownProcess } = await import(${JSON.stringify(source)});
    console.log(ownProcess()); setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  assert(child.stdout !== null);
  const [line] = await once(createInterface({ input: child.stdout }), "line");
  return { child, identity: String(line) };
}
