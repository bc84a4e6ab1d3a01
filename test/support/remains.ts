import { spawn } from "node:child_process";

/** What is cleared away when this process ends, however it ends. */
export interface Remains {
  /** A process to be killed by then; `mark` is in its command line, so that no other is hit. */
  addProcess(processId: number, mark: string): void;
}

/**
 * Removes the folder with the end of this process, also where that is killed, and stops each
 * PostgreSQL that has its data in a folder of it, or in `data` of one.
 */
export function removeWithProcess(folder: string): Remains {
  // Its standard input ends with this process.
  const child = spawn("sh", ["-c", clearUp, "sh", folder], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
  });
  child.unref();
  const { stdin } = child;
  if ("unref" in stdin && typeof stdin.unref === "function") stdin.unref();
  return {
    addProcess: (processId, mark) => void stdin.write(`${processId} ${mark}\n`),
  };
}

const clearUp = `
  # Until the process ends.
  lines=$(cat)
  printf '%s\\n' "$lines" | while read -r process mark; do
    [ -n "$mark" ] && tr '\\0' ' ' < "/proc/$process/cmdline" | grep -qF -- "$mark" &&
      kill -KILL "$process"
  done
  for file in "$1"/*/postmaster.pid "$1"/*/data/postmaster.pid; do
    [ -f "$file" ] || continue
    process=$(sed -n 1p "$file"); socket=$(sed -n 5p "$file")
    kill -QUIT "$process"
    tries=0
    while [ -f "$file" ] && [ $tries -lt 100 ]; do sleep 0.05; tries=$((tries + 1)); done
    case "$socket" in "$1"/*) ;; */prokura-*) rm -rf "$socket" ;; esac
  done
  # What was starting when the process was killed may still be writing.
  tries=0
  while [ -e "$1" ] && [ $tries -lt 100 ]; do rm -rf "$1" || sleep 0.05; tries=$((tries + 1)); done
`;
