import { lstat, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { DomainError } from "../core/error.ts";
import { canEnter, type EmbeddedAccount } from "./embedded-account.ts";
import { embeddedRole, own } from "./embedded-cluster.ts";

const prefix = "prokura-";
const pathBytesMax = 100;
const socketName = ".s.PGSQL.5432";

/** What a running PostgreSQL, or one that was killed, wrote of itself into its data folder. */
export interface PostmasterFile {
  readonly processId: number;
  readonly socketFolder: string;
}

/** A folder of its own for the socket: short enough, and closed to all but the account and root. */
export async function makeSocketFolder(account: EmbeddedAccount): Promise<string> {
  for (const parent of new Set([tmpdir(), "/tmp"])) {
    const bytes = Buffer.byteLength(join(parent, `${prefix}XXXXXX`, socketName));
    if (bytes > pathBytesMax) continue;
    if (account.kind === "account" && !(await canEnter(account, parent))) continue;
    const folder = await mkdtemp(join(parent, prefix));
    await own(folder, account);
    return folder;
  }
  throw new DomainError(
    "not_supported",
    `no temporary folder is short enough and open to PostgreSQL for its socket, set TMPDIR to one, instead of \`${tmpdir()}\``,
  );
}

/** Removes what `makeSocketFolder` made, also in an earlier process, and nothing else. */
export async function removeSocketFolder(folder: string): Promise<void> {
  if (!basename(folder).startsWith(prefix)) return;
  const found = await lstat(folder).catch(() => undefined);
  if (found?.isDirectory() === true) await rm(folder, { recursive: true, force: true });
}

/** `undefined` where there is none, or one that is being written. */
export async function readPostmasterFile(dataFolder: string): Promise<PostmasterFile | undefined> {
  const text = await readFile(join(dataFolder, "postmaster.pid"), "utf8").catch(() => "");
  const [processId = "", , , , socketFolder = ""] = text.split("\n");
  if (!/^[1-9][0-9]*$/.test(processId) || !socketFolder.startsWith("/")) return undefined;
  return { processId: Number(processId), socketFolder };
}

/** An address that this service and `psql` understand. */
export function socketAddress(socketFolder: string, database: string): string {
  return `postgresql://${embeddedRole}@${encodeURIComponent(socketFolder)}/${database}`;
}
