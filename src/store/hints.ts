import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "pg";
import type { RevisionChange } from "../core/change.ts";
import {
  parseRevision,
  parseTimeline,
  type ConsistencyToken,
  type Revision,
} from "../core/revision.ts";
import { changesOfText, textOfChanges } from "./change-text.ts";
import type { Database, Session, Statement } from "./database.ts";
import type { HintSeal } from "./hint-seal.ts";

const channel = "prokura_head";
const retryMs = 1_000;

/** W5: a tenant has moved. */
export interface HeadHint extends ConsistencyToken {
  /** The node that waits for the others, and is told when they have acknowledged. */
  readonly from: string;
}

/** The lease has acknowledged the revision, on the timeline, and it could be seen there. */
export interface AcknowledgementHint extends ConsistencyToken {
  readonly leaseId: string;
}

/**
 * Whoever may connect to the database may send the position of a head: nothing must rest on it. Changes
 * and acknowledgements are sealed: they are true, but may be lost, late, doubled or out of order.
 */
export interface HintEvents {
  /** `changes`: what was committed up to there, and since some revision; often none. */
  readonly onHead: (hint: HeadHint, changes: readonly RevisionChange[]) => void;
  readonly onAcknowledgement: (hint: AcknowledgementHint) => void;
  /** The connection stands again after it was lost: hints may be missing. */
  readonly onGap: () => void;
}

// Its transaction is not durable on any connection: nobody waits for a disk because of a hint.
const notifyStatement: Statement = {
  name: "hint_notify",
  text: `select set_config('synchronous_commit', 'off', true), pg_notify('${channel}', $1)`,
};

// What was not committed must never be told, so it is told only where it can be seen.
const notifyCommittedStatement: Statement = {
  name: "hint_notify_committed",
  text: `select set_config('synchronous_commit', 'off', true), pg_notify('${channel}', $1)
    from revision r where r.tenant_id = $2 and r.rev = $3 and r.digest = $4
      and prokura_timeline() = $5`,
};

/** Of what is sealed, in UTF-8: PostgreSQL takes less than 8,000 bytes in all. */
const changesBytesMax = 5_500;

/** Tells all nodes that the tenant has moved. In a statement of its own, never in a write's transaction. */
export async function notifyHead(database: Database, hint: HeadHint): Promise<void> {
  await database.query("hints", notifyStatement, [formatHead(hint)]);
}

/** The last revision of some that were written together, by its digest as it is stored. */
export interface CommittedHead extends ConsistencyToken {
  readonly digest: string;
}

/**
 * The same, with the changes where there is room for them, on a session whose commit has been sent: it
 * leaves as soon as that is done, and not at all where nothing was committed.
 */
export async function notifyCommitted(
  session: Session,
  seal: HintSeal,
  { digest, ...position }: CommittedHead,
  changes: readonly RevisionChange[],
): Promise<void> {
  const heading = formatHead({ ...position, from: seal.name });
  const content = textOfChanges(changes, changesBytesMax);
  await session.query(notifyCommittedStatement, [
    content === undefined ? heading : `${heading} ${seal.seal(heading, content)}`,
    position.tenant,
    position.revision,
    Buffer.from(digest, "hex"),
    position.timeline,
  ]);
}

/** Where a node hears of acknowledgements. */
export function acknowledgementChannel(name: string): string {
  return `prokura_acknowledged_${name}`;
}

export function sealAcknowledgement(seal: HintSeal, hint: AcknowledgementHint): string {
  const { tenant, timeline, revision, leaseId } = hint;
  const heading = `${tenant} ${timeline} ${revision} ${seal.name} ${leaseId}`;
  return `${heading} ${seal.seal(heading, "")}`;
}

/** Calls back with every hint until it is closed. */
export async function listenForHints(
  connectionString: string,
  seal: HintSeal,
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
    next.on("notification", ({ channel: heard, payload = "" }) => {
      if (heard === channel) passHead(payload, seal, events);
      else passAcknowledgement(payload, seal, events);
    });
    await next.connect();
    await next.query(`listen ${channel}; listen ${acknowledgementChannel(seal.name)}`);
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

const position = String.raw`([a-z][a-z0-9_-]{0,62}) ([0-9A-F]{8}) (\d{1,15}) ([0-9a-f]{1,32})`;
const headPattern = new RegExp(`^(${position})(?: ([A-Za-z0-9+/=]+))?$`);
const acknowledgementPattern = new RegExp(`^(${position} ([0-9a-f-]{36})) ([A-Za-z0-9+/=]+)$`);

function passHead(payload: string, seal: HintSeal, { onHead }: HintEvents): void {
  const [, heading, tenant, timeline, revision, from, sealed] = headPattern.exec(payload) ?? [];
  if (heading === undefined || tenant === undefined || from === undefined) return;
  // What this node wrote it knows already.
  if (from === seal.name) return;
  const opened = sealed === undefined ? undefined : seal.open(from, heading, sealed);
  const changes = opened === undefined ? [] : changesOfText(opened);
  onHead({ ...placeOf(tenant, timeline, revision), from }, changes);
}

function passAcknowledgement(
  payload: string,
  seal: HintSeal,
  { onAcknowledgement }: HintEvents,
): void {
  const found = acknowledgementPattern.exec(payload) ?? [];
  const [, heading, tenant, timeline, revision, from, leaseId, sealed] = found;
  if (heading === undefined || tenant === undefined || from === undefined) return;
  if (leaseId === undefined || sealed === undefined) return;
  if (seal.open(from, heading, sealed) === undefined) return;
  onAcknowledgement({ ...placeOf(tenant, timeline, revision), leaseId });
}

function placeOf(tenant: string, timeline = "", revision = ""): ConsistencyToken {
  const at: Revision = parseRevision(Number(revision));
  return { tenant, timeline: parseTimeline(timeline), revision: at };
}

function formatHead({ tenant, timeline, revision, from }: HeadHint): string {
  return `${tenant} ${timeline} ${revision} ${from}`;
}
