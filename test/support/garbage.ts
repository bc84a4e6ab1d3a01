import { setTimeout as sleep } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");
const collect: () => void = runInNewContext("gc");
const rounds = 20;
const betweenMs = 10;

/** Bytes that are still reachable, of buffers and of all other values. */
export async function heldBytes(): Promise<number> {
  let least = Infinity;
  // Buffers are freed by a thread of its own, which nobody tells of: the least of some looks is what is held.
  for (let round = 0; round < rounds; round += 1) {
    collect();
    const { arrayBuffers, heapUsed } = process.memoryUsage();
    least = Math.min(least, arrayBuffers + heapUsed);
    await sleep(betweenMs);
  }
  return least;
}
