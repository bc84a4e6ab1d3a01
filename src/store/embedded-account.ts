import { spawnSync } from "node:child_process";
import { stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { DomainError } from "../core/error.ts";

/**
 * Under which account PostgreSQL runs, since it refuses to be root.
 * - `self`: this process is no root.
 * - `account`: root gives up its rights for those of another account, which owns the data.
 * - `namespace`: in a user namespace of its own, where root carries the number of `nobody`. Outside it
 *   is root still, so it may use what lies below a folder that only root can enter.
 */
export type EmbeddedAccount =
  | { readonly kind: "self" }
  | { readonly kind: "account"; readonly uid: number; readonly gid: number }
  | { readonly kind: "namespace" };

/** A program to run, as `spawn` takes it. */
export interface AccountCommand {
  readonly program: string;
  readonly args: readonly string[];
  readonly options: { readonly uid?: number; readonly gid?: number };
}

const nobodyNumber = 65_534;

/**
 * Chooses the account by who owns the data, if there are data already: PostgreSQL starts for their
 * owner only. `folders` are those that it must be able to enter.
 */
export async function chooseEmbeddedAccount(
  dataFolder: string,
  folders: readonly string[],
): Promise<EmbeddedAccount> {
  const owner = await stat(dataFolder).catch(() => undefined);
  const self = process.getuid?.();
  if (self !== 0) {
    if (owner === undefined || self === undefined || owner.uid === self) return { kind: "self" };
    throw new DomainError(
      "not_supported",
      `the data in \`${dataFolder}\` belong to another account (uid ${owner.uid}), run as that account`,
    );
  }
  const account = owner === undefined ? nobody() : { uid: owner.uid, gid: owner.gid };
  if (account !== undefined && account.uid !== 0) {
    const chosen = { kind: "account", ...account } as const;
    if (await canEnterAll(chosen, [...folders, dirname(dataFolder)])) return chosen;
    if (owner !== undefined) {
      throw new DomainError(
        "not_supported",
        `uid ${account.uid} owns \`${dataFolder}\` but cannot enter a folder above it or ${folders.join(", ")}, allow it with \`chmod o+x\``,
      );
    }
  }
  if (hasNamespaces()) return { kind: "namespace" };
  throw new DomainError(
    "not_supported",
    `PostgreSQL does not run as root, the account nobody cannot enter \`${dirname(dataFolder)}\`, and user namespaces are off: run as another user, choose another data directory, or set DATABASE_URL`,
  );
}

export function commandFor(
  account: EmbeddedAccount,
  program: string,
  args: readonly string[],
): AccountCommand {
  switch (account.kind) {
    case "self":
      return { program, args, options: {} };
    case "account":
      return { program, args, options: { uid: account.uid, gid: account.gid } };
    case "namespace":
      // It becomes the program without a fork: the process id and its signals stay the program's.
      return { program: "unshare", args: [...namespaceArgs, "--", program, ...args], options: {} };
  }
}

/** By mode bits alone: where an access list says otherwise, starting PostgreSQL fails with its own words. */
export async function canEnter(
  account: { readonly uid: number; readonly gid: number },
  folder: string,
): Promise<boolean> {
  for (let place = resolve(folder); ; place = dirname(place)) {
    const found = await stat(place).catch(() => undefined);
    // What is not there yet is made by this process, and made so that it can be entered.
    if (found !== undefined) {
      const bit = found.uid === account.uid ? 0o100 : found.gid === account.gid ? 0o010 : 0o001;
      if ((found.mode & bit) === 0) return false;
    }
    if (place === dirname(place)) return true;
  }
}

const namespaceArgs: readonly string[] = [
  "--user",
  `--map-user=${nobodyNumber}`,
  `--map-group=${nobodyNumber}`,
];

async function canEnterAll(
  account: { readonly uid: number; readonly gid: number },
  folders: readonly string[],
): Promise<boolean> {
  for (const folder of folders) {
    if (!(await canEnter(account, folder))) return false;
  }
  return true;
}

function hasNamespaces(): boolean {
  if (process.platform !== "linux") return false;
  return spawnSync("unshare", [...namespaceArgs, "--", "true"]).status === 0;
}

function nobody(): { readonly uid: number; readonly gid: number } | undefined {
  const uid = numberFrom(["-u", "nobody"]);
  const gid = numberFrom(["-g", "nobody"]);
  return uid === undefined || gid === undefined ? undefined : { uid, gid };
}

function numberFrom(args: readonly string[]): number | undefined {
  const { status, stdout } = spawnSync("id", args, { encoding: "utf8" });
  return status === 0 ? Number(stdout.trim()) : undefined;
}
