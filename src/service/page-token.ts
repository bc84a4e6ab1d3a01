import { createHash } from "node:crypto";
import { DomainError } from "../core/error.ts";
import { canonicalJson, type Json } from "../core/json.ts";
import { parseRevision, parseTimeline } from "../core/revision.ts";
import type { Pin } from "./evaluator.ts";
import type { PageRequest } from "./request.ts";

/**
 * Where a list in pages goes on: the revision that it is pinned to, and the last key. The clock is not
 * in it: time is the server's at every page, or the commit's where a past revision was asked for.
 */
export interface PagePosition {
  readonly pin: Pin;
  readonly after: string;
}

const pageSizeDefault = 100;

/** 0 takes the default. The largest size is the transport's to refuse. */
export function pageSizeOf(page: PageRequest): number {
  return page.pageSize === 0 ? pageSizeDefault : page.pageSize;
}

/** `request` is the question without its page: a token goes with one question only. */
export function formatPageToken(position: PagePosition, request: Json): string {
  const { timeline, revision } = position.pin;
  const parts = [timeline, revision, hash(request), position.after];
  return Buffer.from(JSON.stringify(parts), "utf8").toString("base64url");
}

/** `undefined` for the first page. */
export function parsePageToken(page: PageRequest, request: Json): PagePosition | undefined {
  if (page.pageToken === "") return undefined;
  const [timeline, revision, owner, after] = partsOf(page.pageToken);
  if (typeof timeline !== "string" || typeof revision !== "number" || typeof after !== "string") {
    throw malformed("is none of this service");
  }
  if (owner !== hash(request)) throw malformed("belongs to another request");
  return {
    pin: { timeline: parseTimeline(timeline), revision: parseRevision(revision) },
    after,
  };
}

function partsOf(text: string): readonly unknown[] {
  if (text.length > 4_096) throw malformed("is none of this service");
  try {
    const parts: unknown = JSON.parse(Buffer.from(text, "base64url").toString("utf8"));
    return Array.isArray(parts) ? parts : [];
  } catch (cause) {
    throw malformed("is none of this service", cause);
  }
}

function hash(request: Json): string {
  return createHash("sha256").update(canonicalJson(request)).digest("base64url").slice(0, 22);
}

function malformed(problem: string, cause?: unknown): DomainError {
  return new DomainError("malformed", `page_token ${problem}, ask again from the first page`, {
    field: "page_token",
    cause,
  });
}
