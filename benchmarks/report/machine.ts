import { execFileSync } from "node:child_process";
import { arch, availableParallelism, cpus, loadavg, platform } from "node:os";

/** Where and when figures were taken. */
export interface Circumstances {
  readonly takenAt: string;
  /** Of the checkout; with `+` where there are changes that are in no commit. */
  readonly commit: string;
  readonly machine: string;
  readonly node: string;
  /** Before the run: what others did to the machine shows in its figures. */
  readonly loadAverage: number;
}

export function circumstances(root: string): Circumstances {
  return {
    takenAt: new Date().toISOString(),
    commit: commitOf(root),
    machine: `${platform()} ${arch()}, ${availableParallelism()} × ${cpus()[0]?.model ?? "unknown"}`,
    node: process.version,
    loadAverage: Math.round((loadavg()[0] ?? Number.NaN) * 100) / 100,
  };
}

function commitOf(root: string): string {
  try {
    const commit = git(root, ["rev-parse", "--short", "HEAD"]);
    return git(root, ["status", "--porcelain", "--", "src", "bin"]) === "" ? commit : `${commit}+`;
  } catch {
    return "unknown";
  }
}

function git(root: string, args: readonly string[]): string {
  const stdio: ["ignore", "pipe", "ignore"] = ["ignore", "pipe", "ignore"];
  return execFileSync("git", args, { cwd: root, encoding: "utf8", stdio }).trim();
}
