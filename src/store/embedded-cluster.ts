import { spawn } from "node:child_process";
import { chmod, chown, mkdir, mkdtemp, readFile, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { DomainError } from "../core/error.ts";
import { commandFor, type EmbeddedAccount } from "./embedded-account.ts";
import type { EmbeddedBinaries } from "./embedded-binaries.ts";

/** The role that owns everything in an embedded database. */
export const embeddedRole = "prokura";

const majorVersion = "18";

/**
 * Makes the data folder unless it is there. It appears whole or not at all: what is being made has
 * another name until it is on disk. Fails with `not_supported` where another major version made it.
 */
export async function ensureCluster(
  dataFolder: string,
  binaries: EmbeddedBinaries,
  account: EmbeddedAccount,
): Promise<"made" | "found"> {
  const found = await readFile(join(dataFolder, "PG_VERSION"), "utf8").catch(() => undefined);
  if (found !== undefined) {
    if (found.trim() === majorVersion) return "found";
    throw new DomainError(
      "not_supported",
      `\`${dataFolder}\` was made by PostgreSQL ${found.trim()}, this version brings ${majorVersion}: dump it with the old one, or set DATABASE_URL`,
    );
  }
  const draft = await mkdtemp(`${dataFolder}.new-`);
  try {
    await own(draft, account);
    await initialise(draft, binaries, account);
    return await publish(draft, dataFolder);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

/** Hands a folder of this process to the account, closed to all others. */
export async function own(folder: string, account: EmbeddedAccount): Promise<void> {
  await chmod(folder, 0o700);
  if (account.kind === "account") await chown(folder, account.uid, account.gid);
}

/** Makes the folder with all above it; what it makes can be entered by the account, whatever the umask. */
export async function ensureEnterable(folder: string, account: EmbeddedAccount): Promise<void> {
  const made = await mkdir(folder, { recursive: true, mode: 0o700 }).catch((cause: unknown) => {
    const problem = cause instanceof Error ? cause.message : String(cause);
    throw new DomainError(
      "not_supported",
      `the data directory \`${folder}\` cannot be made: ${problem}, choose another with --data-dir`,
      { cause },
    );
  });
  if (made === undefined || account.kind !== "account") return;
  for (let place = folder; ; place = dirname(place)) {
    await chmod(place, 0o711);
    if (place === made) return;
  }
}

async function initialise(
  folder: string,
  binaries: EmbeddedBinaries,
  account: EmbeddedAccount,
): Promise<void> {
  const { program, args, options } = commandFor(account, binaries.initdb, [
    `--pgdata=${folder}`,
    `--username=${embeddedRole}`,
    "--encoding=UTF8",
    "--no-locale",
    "--auth-local=trust",
    "--auth-host=reject",
    "--no-instructions",
  ]);
  const child = spawn(program, args, {
    ...options,
    cwd: "/",
    env: { ...binaries.environment, PATH: process.env["PATH"] ?? "/usr/bin:/bin", TZ: "UTC" },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  const [code, output] = await Promise.all([ended, text(child.stderr)]);
  if (code === 0) return;
  throw new DomainError(
    "not_serving",
    `initdb failed for \`${folder}\`: ${output.trim().split("\n").slice(-2).join(" ")}`,
  );
}

/** Where another process was quicker its data stay: nothing is ever replaced. */
async function publish(draft: string, dataFolder: string): Promise<"made" | "found"> {
  try {
    await rename(draft, dataFolder);
    return "made";
  } catch (error) {
    const version = await readFile(join(dataFolder, "PG_VERSION"), "utf8").catch(() => undefined);
    if (version?.trim() === majorVersion) return "found";
    throw error;
  }
}
