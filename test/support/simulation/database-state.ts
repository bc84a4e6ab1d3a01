import assert from "node:assert/strict";
import type { RevisionChange } from "../../../src/core/change.ts";
import { parseRevision, type Revision, type Timeline } from "../../../src/core/revision.ts";
import type { LeaseRegistration, Poll } from "../../../src/replica/db.ts";
import { History } from "./history.ts";

export const tenants = ["alpha", "beta"] as const;

export interface LeaseState extends LeaseRegistration {
  readonly timeline: Timeline;
  renewSeq: number;
  /** By the database's clock: looked at by a fault alone. */
  expiresAtMs: number;
  /** By tenant. */
  readonly acknowledged: Map<string, number>;
}

export interface Written {
  readonly timeline: Timeline;
  readonly revision: Revision;
  /** `undefined` with P7 alone: nothing was written, and no barrier is run. */
  readonly change: RevisionChange | undefined;
}

/** The rows of the database. */
export interface State {
  readonly histories: Map<string, History>;
  readonly horizons: Map<string, number>;
  readonly leases: Map<string, LeaseState>;
}

export function emptyState(): State {
  return {
    histories: new Map(tenants.map((tenant) => [tenant, new History()])),
    horizons: new Map(),
    leases: new Map(),
  };
}

export function historyOf(state: State, tenant: string): History {
  const history = state.histories.get(tenant);
  assert(history !== undefined, `there is a tenant ${tenant}`);
  return history;
}

/** What a poll reads there, as if the revision were the head. */
export function pollIn(
  state: State,
  timeline: Timeline,
  tenant: string,
  applied: number,
  revision: Revision,
): Poll {
  const history = historyOf(state, tenant);
  const horizon = parseRevision(state.horizons.get(tenant) ?? 0);
  const head = { timeline, revision, horizon, modelId: history.modelAt(revision) };
  const changes = history.changes(Math.max(applied, horizon), revision);
  return { head, changes: changes.length > 100 ? undefined : changes };
}
