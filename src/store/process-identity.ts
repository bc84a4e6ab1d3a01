import { readFileSync, readlinkSync } from "node:fs";

/**
 * Says which process this is, so that another one can prove later that it has ended: the boot of the
 * kernel, the namespaces by which processes and times are counted, the process id, and when it was
 * started, in ticks since the boot. `undefined` where that cannot be known, which is everywhere but on
 * Linux.
 */
export function ownProcess(): string | undefined {
  try {
    return [...hostIdentity(), String(process.pid), startOf("self")].join(" ");
  } catch {
    return undefined;
  }
}

/**
 * True where the process is proven to have ended, false where it lives or nothing is known.
 *
 * A lease may be ended on that proof alone (REVOCATION §8), for who does not run answers nothing. It is
 * a proof only among processes of one kernel. So leases name their process only where the node runs the
 * embedded PostgreSQL: its data directory is used on one host at a time, or PostgreSQL itself would not
 * survive it, and the boot's id tells that host's kernel from the one before. A session that has ended,
 * such as that which held the directory's lock, would prove nothing: its process may live on and answer
 * from memory.
 */
export function hasEnded(identity: string): boolean {
  const [boot = "", processes = "", times = "", id = "", started = ""] = identity.split(" ");
  try {
    // Process ids of another namespace mean other processes here.
    if (hostIdentity().join(" ") !== [boot, processes, times].join(" ")) return false;
    if (!/^[1-9][0-9]{0,9}$/.test(id) || !/^[0-9]+$/.test(started)) return false;
    return !isProcess(Number(id)) || startOf(id) !== started;
  } catch {
    return false;
  }
}

function hostIdentity(): readonly string[] {
  requireOwnProc();
  return [
    readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim(),
    readlinkSync("/proc/self/ns/pid"),
    readlinkSync("/proc/self/ns/time"),
  ];
}

/**
 * A `/proc` of another namespace, as a container may have been given, knows other processes by these ids,
 * and this one by several: one of each namespace from its own down to this process's.
 */
function requireOwnProc(): void {
  const own = String(process.pid);
  const ids = /^NSpid:\s+(.*)$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
  if (readlinkSync("/proc/self") !== own || ids !== own) {
    throw new Error("`/proc` is of another namespace");
  }
}

/** Not by `/proc`, which may hide what belongs to others. */
function isProcess(id: number): boolean {
  try {
    process.kill(id, 0);
    return true;
  } catch (error) {
    return !(error instanceof Error && "code" in error && error.code === "ESRCH");
  }
}

/** The 22nd field; the second, the program's name, may hold anything but ends with the last bracket. */
function startOf(id: string): string {
  const text = readFileSync(`/proc/${id}/stat`, "utf8");
  const started = text.slice(text.lastIndexOf(")") + 2).split(" ")[19];
  if (started === undefined || !/^[0-9]+$/.test(started)) throw new Error("no start is told");
  return started;
}
