import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as wait } from "node:timers/promises";

const prokura = join(import.meta.dirname, "../bin/prokura.js");
const stopMsMax = 20_000;

/** One `prokura` process. Disposing of it stops it, and waits until it is gone. */
export interface Running extends AsyncDisposable {
  /** Lines of its log, as they come. */
  readonly lines: string[];
  /** Resolves with the first line after `from` that passes. */
  lineAfter(from: number, passes: (line: string) => boolean): Promise<string>;
}

/** In a process group of its own, so that Ctrl-C at the terminal reaches the demo alone. */
export function startProkura(args: readonly string[]): Running {
  const child = spawn(process.execPath, [prokura, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  const lines: string[] = [];
  const waiting = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on("line", (line) => {
      lines.push(line);
      for (const look of waiting) look();
    });
  }
  child.on("exit", () => {
    for (const look of waiting) look();
  });
  return {
    lines,
    async lineAfter(from, passes) {
      const { promise, resolve, reject } = Promise.withResolvers<string>();
      const look = (): void => {
        const line = lines.slice(from).find(passes);
        if (line !== undefined) resolve(line);
        else if (hasEnded(child)) reject(new Error(`${args[0]} ended:\n${lines.join("\n")}`));
      };
      waiting.add(look);
      look();
      const timeout = AbortSignal.timeout(30_000);
      timeout.addEventListener("abort", () =>
        reject(new Error(`${args[0]} says nothing:\n${lines.join("\n")}`)),
      );
      try {
        return await promise;
      } finally {
        waiting.delete(look);
      }
    },
    [Symbol.asyncDispose]: () => stop(child),
  };
}

/** Waits until the server may be sent calls. */
export async function untilReady(server: Running, httpPort: number): Promise<void> {
  for (let pauseMs = 20; ; pauseMs = Math.min(2 * pauseMs, 500)) {
    const ready = await fetch(`http://127.0.0.1:${httpPort}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    );
    if (ready) return;
    // Fails as soon as the process has ended.
    await Promise.race([server.lineAfter(0, () => false), wait(pauseMs)]);
  }
}

export async function freePorts(count: number): Promise<readonly number[]> {
  const probes = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"));
  await Promise.all(probes.map((probe) => once(probe, "listening")));
  const ports = probes.map((probe) => {
    const address = probe.address();
    if (typeof address !== "object" || address === null) throw new TypeError("no port");
    return address.port;
  });
  await Promise.all(
    probes.map(async (probe) => {
      probe.close();
      await once(probe, "close");
    }),
  );
  return ports;
}

async function stop(child: ChildProcess): Promise<void> {
  if (hasEnded(child) || child.pid === undefined) return;
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  const late = wait(stopMsMax, "late" as const, { ref: false });
  if ((await Promise.race([ended, late])) !== "late") return;
  process.kill(-child.pid, "SIGKILL");
  await ended;
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}
