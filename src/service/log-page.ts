import { createHash } from "node:crypto";
import { DomainError } from "../core/error.ts";
import { canonicalJson, type Json } from "../core/json.ts";

/**
 * Where a page of the log goes on. The log only grows, so that nothing has to be pinned but the time up
 * to which it is looked at.
 */
export interface LogPosition {
  readonly untilMs: number;
  readonly after: readonly (string | number)[];
}

/** `request` is the question without its page: a token goes with one question only. */
export function formatLogPage({ untilMs, after }: LogPosition, request: Json): string {
  return Buffer.from(JSON.stringify([hashOf(request), untilMs, ...after])).toString("base64url");
}

/** `undefined` for the first page. `parts` is how many the position has. */
export function parseLogPage(token: string, request: Json, parts: number): LogPosition | undefined {
  if (token === "") return undefined;
  const [owner, untilMs, ...after] = listOf(token);
  const isKnown = after.every((part) => typeof part === "string" || typeof part === "number");
  if (typeof untilMs !== "number" || !isKnown || after.length !== parts) {
    throw refused("is none of this service");
  }
  if (owner !== hashOf(request)) throw refused("belongs to another request");
  return { untilMs, after };
}

function listOf(token: string): readonly (string | number)[] {
  try {
    const value: unknown = JSON.parse(Buffer.from(token, "base64url").toString("utf8"));
    return Array.isArray(value) ? value : [];
  } catch (cause) {
    throw refused("is none of this service", cause);
  }
}

function hashOf(request: Json): string {
  return createHash("sha256").update(canonicalJson(request)).digest("base64url").slice(0, 22);
}

function refused(problem: string, cause?: unknown): DomainError {
  const message = `page_token ${problem}, begin again without one`;
  return new DomainError("malformed", message, { field: "page_token", cause });
}
