import { readFile, stat } from "node:fs/promises";
import {
  createLocalJWKSet,
  createRemoteJWKSet,
  type JSONWebKeySet,
  type JWTVerifyGetKey,
} from "jose";
import { DomainError } from "../core/error.ts";
import type { KeyPlace } from "./issuer.ts";

const fetchTimeoutMs = 5_000;
const fetchedKeptMs = 600_000;
/** A token with a key id that is not known has the keys fetched again, but not more often than this. */
const fetchPauseMs = 10_000;

/** The keys at a place, as they stand there now or stood shortly before. */
export function keySetAt(place: KeyPlace): JWTVerifyGetKey {
  switch (place.kind) {
    case "url":
      return createRemoteJWKSet(place.url, {
        timeoutDuration: fetchTimeoutMs,
        cacheMaxAge: fetchedKeptMs,
        cooldownDuration: fetchPauseMs,
      });
    case "file":
      return keySetInFile(place.path);
  }
}

/** Fails with `malformed` where the file is no set of keys. */
export async function readKeySet(path: string): Promise<JSONWebKeySet> {
  try {
    const value: unknown = JSON.parse(await readFile(path, "utf8"));
    if (isKeySet(value)) return value;
  } catch (cause) {
    throw new DomainError("malformed", `\`${path}\` cannot be read as a set of keys`, { cause });
  }
  throw new DomainError("malformed", `\`${path}\` is no set of keys: it has no list \`keys\``);
}

function keySetInFile(path: string): JWTVerifyGetKey {
  let read: { readonly stamp: string; readonly keys: JWTVerifyGetKey } | undefined;
  return async (header, token) => {
    const { mtimeMs, size, ino } = await stat(path);
    const stamp = `${mtimeMs} ${size} ${ino}`;
    if (read?.stamp !== stamp) read = { stamp, keys: createLocalJWKSet(await readKeySet(path)) };
    return await read.keys(header, token);
  };
}

function isKeySet(value: unknown): value is JSONWebKeySet {
  return (
    typeof value === "object" && value !== null && "keys" in value && Array.isArray(value.keys)
  );
}
