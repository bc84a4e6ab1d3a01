import { play } from "./scenes.ts";
import { say, type Tally } from "./steps.ts";
import { createWorld } from "./world.ts";

// Plays how a user lends her authority to an agent and takes it back, with every part real: the server
// on its own PostgreSQL, the gateway, the reference file server, and agents that speak MCP.

const interrupted = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => interrupted.abort(new Error(`interrupted by ${signal}`)));
}

process.exitCode = await main();

async function main(): Promise<number> {
  const tally: Tally = { steps: 0, failed: 0, checksUs: [], revokeToDenyUs: undefined };
  try {
    await using world = await createWorld(interrupted.signal);
    await untilInterrupted(play(world, tally));
  } catch (cause) {
    tally.failed += 1;
    say(`\n${cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)}`);
  }
  const { steps, failed, checksUs, revokeToDenyUs } = tally;
  const middle = checksUs.toSorted((left, right) => left - right)[checksUs.length >> 1];
  say(
    `\n${JSON.stringify({
      steps,
      failed,
      check_p50_us: middle ?? null,
      revoke_to_deny_us: revokeToDenyUs ?? null,
    })}`,
  );
  return failed === 0 ? 0 : 1;
}

/** Whatever is under way is left where it stands, and the world is taken down. */
async function untilInterrupted(done: Promise<void>): Promise<void> {
  const { signal } = interrupted;
  const { promise, reject } = Promise.withResolvers<never>();
  if (signal.aborted) reject(signal.reason);
  signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  await Promise.race([done, promise]);
}
