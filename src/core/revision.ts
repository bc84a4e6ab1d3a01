import { DomainError } from "./error.ts";

declare const brand: unique symbol;

/** Per tenant, in commit order, dense from 1: r + 1 commits after r. Below 2^53. 0 is the empty start. */
export type Revision = number & { readonly [brand]: "Revision" };
/** The WAL timeline of the database, 8 hexadecimal digits. Revisions of two timelines do not compare. */
export type Timeline = string & { readonly [brand]: "Timeline" };

/** What a consistency token says: "this tenant, on this timeline, at least (or exactly) here". */
export interface ConsistencyToken {
  readonly tenant: string;
  readonly timeline: Timeline;
  readonly revision: Revision;
}

export function parseRevision(value: number): Revision {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new DomainError(
      "malformed",
      `a revision must be a whole number below 2^53, got ${value}`,
    );
  }
  return value as Revision;
}

/** PostgreSQL sends `bigint` as text, which compares wrongly as text: it becomes a number here. */
export function parseRevisionText(text: string): Revision {
  return parseRevision(/^[0-9]{1,16}$/.test(text) ? Number(text) : Number.NaN);
}

export function parseTimeline(text: string): Timeline {
  if (!/^[0-9A-F]{8}$/.test(text)) {
    throw new DomainError("malformed", "a timeline must be eight hexadecimal digits");
  }
  return text as Timeline;
}

/** Opaque to clients: they keep it and hand it back. Format: base64url of `v1 timeline revision tenant`. */
export function formatToken(token: ConsistencyToken): string {
  const text = `1 ${token.timeline} ${token.revision} ${token.tenant}`;
  return Buffer.from(text, "utf8").toString("base64url");
}

/** Fails with `malformed` also where the token is another tenant's. */
export function parseToken(text: string, tenant: string, field: string): ConsistencyToken {
  const match =
    text.length <= 256 && /^[A-Za-z0-9_-]+$/.test(text)
      ? /^1 ([0-9A-F]{8}) ([0-9]{1,16}) (.+)$/.exec(Buffer.from(text, "base64url").toString("utf8"))
      : null;
  const [, timeline, revision, owner] = match ?? [];
  if (timeline === undefined || revision === undefined || owner === undefined) {
    throw new DomainError("malformed", `${field} is no consistency token of this service`, {
      field,
    });
  }
  if (owner !== tenant) {
    throw new DomainError("malformed", `${field} is a token of another tenant`, { field });
  }
  return { tenant, timeline: parseTimeline(timeline), revision: parseRevisionText(revision) };
}
