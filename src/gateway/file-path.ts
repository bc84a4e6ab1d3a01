import { lstat, readdir, realpath } from "node:fs/promises";
import { basename, dirname, join } from "node:path/posix";
import { Refusal } from "./refusal.ts";

// What is asked about and what is used must be one path. The gateway therefore forwards the path that
// it asked about, never the one that came in, and refuses paths that two readers could read as two.
//
// Between the answer and the use the file system may change: a folder on the way may be replaced by a
// link (time of check, time of use). Forwarding the resolved path makes this narrow: no link that
// existed at the check is followed afterwards. It is not closed: that takes a server that opens
// beneath a directory without following links, or agents that cannot create links there.

const charactersMax = 4_096;

/**
 * Makes a path absolute and plain: percent-encoding decoded once, NFC, no `.`, `..`, empty segments or
 * trailing slash. `..` is taken by the text, not through links. A relative path is put below `base`;
 * without one it is refused, as is everything that hides something: NUL and other controls,
 * backslashes, encodings of encodings, white space or quotes at the end (servers trim them).
 * Idempotent.
 */
export function normalizePath(text: string, base?: string): string {
  if (text.length > charactersMax) refuse(text, `is longer than ${charactersMax} characters`);
  const decoded = decode(text).normalize("NFC");
  if (decoded === "") refuse(text, "is empty");
  if (/[\p{Cc}\p{Cs}]/u.test(decoded)) refuse(text, "contains a control character");
  if (decoded.includes("\\")) refuse(text, "contains a backslash");
  if (!decoded.startsWith("/") && base === undefined) refuse(text, "is not absolute");
  const whole = decoded.startsWith("/") ? decoded : `${base}/${decoded}`;
  const path = `/${plainSegments(whole).join("/")}`;
  if (/[\s"']$/u.test(path)) refuse(text, "ends in white space or a quote");
  return path;
}

function decode(text: string): string {
  const decoded = text.replace(/(?:%[0-9a-f]{2})+/gi, (run) => {
    try {
      return decodeURIComponent(run);
    } catch {
      return refuse(text, "has a percent-encoding that is not UTF-8");
    }
  });
  // A reader that decodes once more would see another path.
  if (/%[0-9a-f]{2}/i.test(decoded)) refuse(text, "is percent-encoded more than once");
  return decoded;
}

function plainSegments(path: string): readonly string[] {
  const segments: string[] = [];
  for (const segment of path.split("/")) {
    if (segment === "..") segments.pop();
    else if (segment !== "" && segment !== ".") segments.push(segment);
  }
  return segments;
}

/**
 * Follows every symbolic link on a normalised path, for a gateway that sees the same file system as
 * the server behind it. Of a path that does not exist yet the deepest existing ancestor is resolved.
 * Refuses links that lead nowhere: writing through one would create what it points to.
 */
export async function resolveLinks(path: string): Promise<string> {
  const missing: string[] = [];
  let ancestor = path;
  let real = await realpathIfExists(ancestor);
  while (real === undefined) {
    missing.unshift(basename(ancestor));
    ancestor = dirname(ancestor);
    real = await realpathIfExists(ancestor);
  }
  const [firstMissing] = missing;
  if (firstMissing !== undefined) await refuseTwin(real, firstMissing, path);
  const resolved = join(real, ...missing);
  if (normalizePath(resolved) !== resolved) {
    refuse(path, "leads to a name that is not plain: not NFC, or with an encoding in it");
  }
  return resolved;
}

async function realpathIfExists(path: string): Promise<string | undefined> {
  try {
    return await realpath(path);
  } catch (cause) {
    if (codeOf(cause) !== "ENOENT") refuse(path, `cannot be resolved (${codeOf(cause)})`);
  }
  if (await exists(path)) refuse(path, "is or leads through a link that leads nowhere");
  return undefined;
}

async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (cause) {
    if (codeOf(cause) !== "ENOENT") refuse(path, `cannot be resolved (${codeOf(cause)})`);
    return false;
  }
}

/** A server that compares names by NFC would open the entry that we take for absent. */
async function refuseTwin(folder: string, name: string, path: string): Promise<void> {
  let entries: readonly string[];
  try {
    entries = await readdir(folder);
  } catch (cause) {
    return refuse(path, `cannot be resolved (${codeOf(cause)})`);
  }
  if (entries.some((entry) => entry.normalize("NFC") === name)) {
    refuse(path, "differs from an existing name in its Unicode form alone");
  }
}

/** The folders that a normalised path lies in, the nearest first, up to `root` where it lies in it. */
export function foldersOf(path: string, root: string): readonly string[] {
  const folders: string[] = [];
  let folder = path;
  while (folder !== "/" && folder !== root) {
    folder = dirname(folder);
    folders.push(folder);
  }
  return folders;
}

function codeOf(cause: unknown): string {
  return cause instanceof Error && "code" in cause ? String(cause.code) : "unknown";
}

function refuse(path: string, why: string): never {
  throw new Refusal("path_refused", `the path ${JSON.stringify(path.slice(0, 200))} ${why}`);
}
