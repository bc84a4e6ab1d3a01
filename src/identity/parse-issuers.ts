import { dirname, resolve } from "node:path";
import { parse } from "yaml";
import { DomainError } from "../core/error.ts";
import { parseName, quote } from "../core/object.ts";
import {
  algorithms,
  type ClaimPlace,
  type ConsentRule,
  type Issuer,
  type KeyPlace,
  type SubjectIssuer,
} from "./issuer.ts";

/** Whose tokens are believed, apart by what they say. */
export interface Issuers {
  /** Of callers: who may open connections. */
  readonly callers: readonly Issuer[];
  /** Of the tokens within requests: for whom a call is made, and by whom. */
  readonly subjects: readonly SubjectIssuer[];
}

const issuersMax = 100;
const claimDepthMax = 8;
const toleranceSecondsMax = 300;
const issuerEntries = [
  "issuer",
  "audience",
  "jwks_url",
  "jwks_file",
  "algorithms",
  "tolerance_seconds",
];
const subjectEntries: readonly string[] = [
  ...issuerEntries,
  "principal_type",
  "principal_claim",
  "principal_prefix",
  "actor_type",
  "actor_claim",
  "actor_prefix",
  "client_claim",
  "client_prefix",
  "consent",
];
const consentEntries = ["clients", "acr", "authenticated_within_seconds"];

type Entries = Readonly<Record<string, unknown>>;

/** Reads the file of issuers. Paths in it are relative to it. Fails with `malformed`, naming the entry. */
export function parseIssuers(text: string, path: string): Issuers {
  let value: unknown;
  try {
    value = parse(text, { maxAliasCount: 0 });
  } catch (cause) {
    const [why] = cause instanceof Error ? cause.message.split("\n") : [];
    throw new DomainError("malformed", `\`${path}\` is no YAML: ${why ?? ""}`, { cause });
  }
  const folder = dirname(path);
  const file = entriesOf(value, path, ["callers", "principals"]);
  return {
    callers: listOf(file["callers"], "issuers.callers", (entry, at) =>
      issuerOf(entriesOf(entry, at, issuerEntries), at, folder),
    ),
    subjects: listOf(file["principals"], "issuers.principals", (entry, at) =>
      parseSubjectIssuer(entry, at, folder),
    ),
  };
}

function issuerOf(entries: Entries, at: string, folder: string): Issuer {
  const audiences = textsOf(entries["audience"], `${at}.audience`);
  if (audiences.length === 0) refuse(`${at}.audience`, "must be set: tokens for others are none");
  const issuer = textOf(entries["issuer"], `${at}.issuer`);
  // In a caller's id it ends at the first one.
  if (issuer.includes("|")) refuse(`${at}.issuer`, "must not have a `|`");
  return {
    issuer,
    audiences,
    keys: keysOf(entries, at, folder),
    algorithms: algorithmsOf(entries["algorithms"], `${at}.algorithms`),
    toleranceMs: secondsOf(entries["tolerance_seconds"] ?? 30, `${at}.tolerance_seconds`),
  };
}

/**
 * Reads one issuer of principals' and agents' tokens. `at` is where it stands, for errors; paths in it
 * are relative to the folder. Fails with `malformed`, naming the entry.
 */
export function parseSubjectIssuer(value: unknown, at: string, folder: string): SubjectIssuer {
  const entries = entriesOf(value, at, subjectEntries);
  const type = (name: string, standard: string) =>
    parseName(textOf(entries[name] ?? standard, `${at}.${name}`), `${at}.${name}`);
  const { consent } = entries;
  const principalClaim = placeOf(entries, at, "principal", "sub");
  const actorClaim = placeOf(entries, at, "actor", "sub");
  const clientClaim = placeOf(entries, at, "client", "azp");
  return {
    ...issuerOf(entries, at, folder),
    principalType: type("principal_type", "user"),
    actorType: type("actor_type", "agent"),
    ...(principalClaim === undefined ? {} : { principalClaim }),
    ...(actorClaim === undefined ? {} : { actorClaim }),
    ...(clientClaim === undefined ? {} : { clientClaim }),
    ...(consent === undefined
      ? {}
      : { consent: consentOf(entriesOf(consent, `${at}.consent`, consentEntries), at) }),
  };
}

/** `…_claim`, a name or the names from the outside in, and `…_prefix`; `undefined` where neither is set. */
function placeOf(
  entries: Entries,
  at: string,
  whose: string,
  standard: string,
): ClaimPlace | undefined {
  const { [`${whose}_claim`]: claim, [`${whose}_prefix`]: prefix } = entries;
  if (claim === undefined && prefix === undefined) return undefined;
  const path = textsOf(claim ?? standard, `${at}.${whose}_claim`);
  if (path.length === 0 || path.length > claimDepthMax) {
    refuse(`${at}.${whose}_claim`, `must name a claim, at most ${claimDepthMax} deep`);
  }
  return { path, prefix: prefix === undefined ? "" : textOf(prefix, `${at}.${whose}_prefix`) };
}

function consentOf(entries: Entries, at: string): ConsentRule {
  const clients = textsOf(entries["clients"], `${at}.consent.clients`);
  if (clients.length === 0) refuse(`${at}.consent.clients`, "must name the consent screens");
  const within = entries["authenticated_within_seconds"];
  return {
    clients,
    acr: textsOf(entries["acr"], `${at}.consent.acr`),
    ...(within === undefined
      ? {}
      : { authenticatedWithinMs: secondsOf(within, `${at}.consent`, 86_400 * 30) }),
  };
}

function keysOf(entries: Entries, at: string, folder: string): KeyPlace {
  const { jwks_url: url, jwks_file: file } = entries;
  if ((url === undefined) === (file === undefined)) {
    refuse(at, "must have one of jwks_url and jwks_file");
  }
  if (url === undefined) {
    return { kind: "file", path: resolve(folder, textOf(file, `${at}.jwks_file`)) };
  }
  const parsed = URL.parse(textOf(url, `${at}.jwks_url`));
  const local = parsed !== null && /^(localhost|127\.[0-9.]+|\[::1\])$/.test(parsed.hostname);
  if (
    parsed === null ||
    (parsed.protocol !== "https:" && !(parsed.protocol === "http:" && local))
  ) {
    refuse(`${at}.jwks_url`, "must be an https URL: whoever can change the keys is the issuer");
  }
  return { kind: "url", url: parsed };
}

function algorithmsOf(value: unknown, at: string): Issuer["algorithms"] {
  const names = value === undefined ? ["RS256", "ES256", "EdDSA"] : textsOf(value, at);
  if (names.length === 0) refuse(at, "must name at least one algorithm");
  return names.map(
    (name) =>
      algorithms.find((one) => one === name) ??
      refuse(at, `must be of ${algorithms.join(", ")}, got ${quote(name)}`),
  );
}

function listOf<Item extends Issuer>(
  value: unknown,
  at: string,
  read: (entry: unknown, at: string) => Item,
): readonly Item[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) refuse(at, "must be a list");
  if (value.length > issuersMax) refuse(at, `must have at most ${issuersMax} entries`);
  const items = value.map((entry: unknown, index) => read(entry, `${at}[${index}]`));
  const names = new Set(items.map(({ issuer }) => issuer));
  if (names.size < items.length) refuse(at, "must name each issuer once");
  return items;
}

function entriesOf(value: unknown, at: string, known: readonly string[]): Entries {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    refuse(at, `must be a mapping with ${known.join(", ")}`);
  }
  const entries: Entries = { ...value };
  // A misspelt rule must not be a rule less.
  const unknown = Object.keys(entries).find((name) => !known.includes(name));
  if (unknown !== undefined)
    refuse(`${at}.${unknown}`, `is unknown; known are ${known.join(", ")}`);
  return entries;
}

/** One text or a list of them; absent: none. */
function textsOf(value: unknown, at: string): readonly string[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) return [textOf(value, at)];
  return value.map((one: unknown, index) => textOf(one, `${at}[${index}]`));
}

function textOf(value: unknown, at: string): string {
  if (typeof value === "string" && value !== "" && value.length <= 1_024) return value;
  refuse(at, "must be a text of 1 to 1,024 characters");
}

function secondsOf(value: unknown, at: string, max: number = toleranceSecondsMax): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= max) {
    return value * 1_000;
  }
  refuse(at, `must be a whole number of seconds from 0 to ${max}`);
}

function refuse(at: string, problem: string): never {
  throw new DomainError("malformed", `${at} ${problem}`, { field: at });
}
