import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "pg";
import {
  parseRevision,
  parseTimeline,
  type ConsistencyToken,
  type Revision,
} from "../core/revision.ts";
import type { Database, Session, Statement } from "./database.ts";

const channel = "prokura_head";
const retryMs = 1_000;

/** W5: a tenant has moved. */
export interface HeadHint extends ConsistencyToken {
  /** The node that waits for the others, and is told when they have acknowledged. */
  readonly from: string;
}

/** A node has acknowledged: it is worth to look now. */
export interface AcknowledgementHint {
  readonly tenant: string;
  readonly leaseId: string;
  readonly revision: Revision;
}

/** Whoever may connect to the database may send any of these: nothing must ever rest on them. */
export interface HintEvents {
  readonly onHead: (hint: HeadHint) => void;
  readonly onAcknowledgement: (hint: AcknowledgementHint) => void;
  /** The connection stands again after it was lost: hints may be missing. */
  readonly onGap: () => void;
}

// Its transaction is not durable on any connection: nobody waits for a disk because of a hint.
const notifyStatement: Statement = {
  name: "hint_notify",
  text: `select set_config('synchronous_commit', 'off', true), pg_notify('${channel}', $1)`,
};

/** What other nodes call a process by, for as long as it lives. */
export function newHintName(): string {
  return randomBytes(8).toString("hex");
}

/** Tells all nodes that the tenant has moved. In a statement of its own, never in a write's transaction. */
export async function notifyHead(database: Database, hint: HeadHint): Promise<void> {
  await database.query("hints", notifyStatement, [formatHeadHint(hint)]);
}

/** The same on a session whose commit has been sent, so that the hint leaves as soon as that is done. */
export async function notifyHeadIn(session: Session, hint: HeadHint): Promise<void> {
  await session.query(notifyStatement, [formatHeadHint(hint)]);
}

/** Where a node hears of acknowledgements. */
export function acknowledgementChannel(name: string): string {
  return `prokura_acknowledged_${name}`;
}

export function formatAcknowledgementHint(hint: AcknowledgementHint): string {
  return `${hint.tenant} ${hint.leaseId} ${hint.revision}`;
}

/** Calls back with every hint until it is closed. Hints may be lost, late, doubled or forged. */
export async function listenForHints(
  connectionString: string,
  name: string,
  events: HintEvents,
): Promise<{ close(): Promise<void> }> {
  let closed = false;
  let client = await connect();
  return {
    async close() {
      closed = true;
      client.ref();
      await client.end().catch(() => undefined);
    },
  };

  async function connect(): Promise<Client> {
    const next = new Client({
      connectionString,
      application_name: "prokura hints",
      keepAlive: true,
    });
    next.on("error", () => undefined); // The end follows, and is acted upon.
    next.on("notification", (notification) => pass(notification, name, events));
    await next.connect();
    await next.query(`listen ${channel}; listen ${acknowledgementChannel(name)}`);
    next.unref();
    next.once("end", () => {
      if (!closed) void reconnect();
    });
    return next;
  }

  async function reconnect(): Promise<void> {
    while (!closed) {
      await sleep(retryMs, undefined, { ref: false });
      try {
        client = await connect();
        events.onGap();
        return;
      } catch {
        // The database is still away; the next attempt follows.
      }
    }
  }
}

function pass(
  {
    channel: heard,
    payload = "",
  }: { readonly channel: string; readonly payload?: string | undefined },
  name: string,
  { onHead, onAcknowledgement }: HintEvents,
): void {
  if (heard === channel) {
    const hint = parseHeadHint(payload);
    // What this node wrote it knows already.
    if (hint !== undefined && hint.from !== name) onHead(hint);
    return;
  }
  const hint = parseAcknowledgementHint(payload);
  if (hint !== undefined) onAcknowledgement(hint);
}

const headPattern = /^([a-z][a-z0-9_-]{0,62}) ([0-9A-F]{8}) (\d{1,15}) ([0-9a-f]{1,32})$/;
const acknowledgementPattern = /^([a-z][a-z0-9_-]{0,62}) ([0-9a-f-]{36}) (\d{1,15})$/;

function formatHeadHint({ tenant, timeline, revision, from }: HeadHint): string {
  return `${tenant} ${timeline} ${revision} ${from}`;
}

function parseHeadHint(payload: string): HeadHint | undefined {
  const [, tenant, timeline, revision, from] = headPattern.exec(payload) ?? [];
  if (tenant === undefined || timeline === undefined || from === undefined) return undefined;
  return {
    tenant,
    timeline: parseTimeline(timeline),
    revision: parseRevision(Number(revision)),
    from,
  };
}

function parseAcknowledgementHint(payload: string): AcknowledgementHint | undefined {
  const [, tenant, leaseId, revision] = acknowledgementPattern.exec(payload) ?? [];
  if (tenant === undefined || leaseId === undefined) return undefined;
  return { tenant, leaseId, revision: parseRevision(Number(revision)) };
}
