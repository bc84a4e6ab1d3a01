import assert from "node:assert/strict";
import type { Consent, DelegationRecord } from "../core/delegation.ts";
import type { JsonObject } from "../core/json.ts";
import type { Database, Session, Statement } from "./database.ts";
import type { DelegationRecordTable } from "./schema.ts";

/** The records of those of the delegations that have one. A mutation stores them, with the tuples. */
export async function readDelegationRecords(
  database: Database,
  tenant: string,
  ids: readonly string[],
): Promise<ReadonlyMap<string, DelegationRecord>> {
  if (ids.length === 0) return new Map();
  const values = [tenant, ids];
  return recordsOf(await database.query<DelegationRecordTable>("reads", recordsStatement, values));
}

/** The same, on the snapshot of the session. */
export async function readDelegationRecordsIn(
  session: Session,
  tenant: string,
  ids: readonly string[],
): Promise<ReadonlyMap<string, DelegationRecord>> {
  return recordsOf(await session.query<DelegationRecordTable>(recordsStatement, [tenant, ids]));
}

const recordsStatement: Statement = {
  name: "delegation_records",
  text: `select id, purpose, consent, labels, created_by, created_at_ms from delegation_record
    where tenant_id = $1 and id = any($2::text[])`,
};

function recordsOf(rows: readonly DelegationRecordTable[]): ReadonlyMap<string, DelegationRecord> {
  return new Map(rows.map((row) => [row.id, recordOfRow(row)]));
}

function recordOfRow(row: DelegationRecordTable): DelegationRecord {
  return {
    id: row.id,
    purpose: row.purpose,
    ...(row.consent === null ? {} : { consent: consentOf(JSON.parse(row.consent)) }),
    labels: labelsOf(JSON.parse(row.labels)),
    createdBy: row.created_by,
    createdAtMs: row.created_at_ms,
  };
}

function consentOf(value: unknown): Consent {
  assert(isObject(value));
  const { issuer, subject, tokenId, authenticatedAtMs, claims } = value;
  assert(typeof issuer === "string" && typeof subject === "string" && typeof tokenId === "string");
  assert(isObject(claims));
  return {
    issuer,
    subject,
    tokenId,
    ...(typeof authenticatedAtMs === "number" ? { authenticatedAtMs } : {}),
    claims,
  };
}

function labelsOf(value: unknown): Readonly<Record<string, string>> {
  assert(isObject(value));
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, label]) =>
      typeof label === "string" ? [[name, label] as const] : [],
    ),
  );
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
