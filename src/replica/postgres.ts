import { DomainError } from "../core/error.ts";
import type { Revision, Timeline } from "../core/revision.ts";
import { pollChanges, pollChangesIn } from "../store/changes.ts";
import type { Database } from "../store/database.ts";
import type { HintSeal } from "../store/hint-seal.ts";
import { listenForHints, notifyHead } from "../store/hints.ts";
import {
  acknowledgeRevision,
  killLease,
  registerLease,
  releaseLease,
  renewLease,
  scanLeases,
  subscribeLease,
} from "../store/leases.ts";
import { loadPages } from "../store/pages.ts";
import { readHeadIn } from "../store/tenants.ts";
import type { Db } from "./db.ts";
import type { ReplicaMachine } from "./machine.ts";
import type { Timers } from "./ports.ts";
import type { LoadPast } from "./private-graph.ts";

/**
 * How long the machine waits for a reply. The statement itself is not cancelled (W3): it may be
 * carried out later, which every rule of the protocol allows for.
 */
const patienceMs = 4000;

/** The machine's database, on PostgreSQL. The other nodes answer hints to the name of the seal. */
export function postgresDb(database: Database, timers: Timers, seal: HintSeal): Db {
  return {
    register: (lease) => patiently(registerLease(database, lease)),
    subscribe: (leaseId, tenant) => patiently(subscribeLease(database, leaseId, tenant)),
    renew: (leaseId, waitedFor) => patiently(renewLease(database, leaseId, waitedFor)),
    acknowledge: (leaseId, applied, askedBy) =>
      patiently(acknowledgeRevision(database, leaseId, applied, { seal, by: askedBy })),
    poll: (tenant, applied) => patiently(pollChanges(database, tenant, applied)),
    load: (tenant, applied, keys, take) =>
      patientlyFrom((goesOn) =>
        // One snapshot: the pages are as of the head that the poll tells (C3).
        database.snapshot(async (session) => {
          const poll = await pollChangesIn(session, tenant, applied);
          const pages = await loadPages(session, tenant, keys, {
            take: (key, tuples) => {
              goesOn();
              take(key, tuples);
            },
          });
          return { ...poll, pages };
        }),
      ),
    scan: (wanted) => patiently(scanLeases(database, wanted)),
    kill: (leaseId, renewSeq) => patiently(killLease(database, leaseId, renewSeq)),
    release: (leaseId) => patiently(releaseLease(database, leaseId)),
    notify: (position) => patiently(notifyHead(database, { ...position, from: seal.name })),
  };

  function patiently<Value>(reply: Promise<Value>): Promise<Value> {
    return patientlyFrom(() => reply);
  }

  /** A reply in parts may take its time, as long as it goes on. */
  async function patientlyFrom<Value>(ask: (goesOn: () => void) => Promise<Value>): Promise<Value> {
    const { promise: late, reject } = Promise.withResolvers<never>();
    const wait = (): (() => void) =>
      timers.after(patienceMs, () => {
        reject(new DomainError("not_serving", `the database was silent for ${patienceMs} ms`));
      });
    let cancel = wait();
    try {
      return await Promise.race([
        ask(() => {
          cancel();
          cancel = wait();
        }),
        late,
      ]);
    } finally {
      cancel();
    }
  }
}

/**
 * Passes the hints of all nodes on to the machine, on a connection of its own that comes back by
 * itself. After a gap every tenant is polled, for hints may have been lost.
 */
export function listenForMachine(
  connectionString: string,
  seal: HintSeal,
  machine: ReplicaMachine,
): Promise<{ close(): Promise<void> }> {
  return listenForHints(connectionString, seal, {
    onHead: ({ from, ...position }, changes) => machine.announced(position, from, changes),
    onAcknowledgement: ({ leaseId, ...position }) => machine.acknowledged(position, leaseId),
    onGap: () => machine.hintAll(),
  });
}

/** Loads pages as of a past revision, for private graphs. */
export function postgresPast(database: Database): LoadPast {
  return (tenant, timeline, revision, keys, take) =>
    database.snapshot(async (session) => {
      const head = await readHeadIn(session, tenant);
      expectKept(head, timeline, revision);
      return loadPages(session, tenant, keys, { at: revision, take });
    });
}

function expectKept(
  head: { readonly timeline: Timeline; readonly revision: Revision; readonly horizon: Revision },
  timeline: Timeline,
  revision: Revision,
): void {
  if (head.timeline !== timeline || revision < head.horizon) {
    throw new DomainError(
      "revision_expired",
      `revision ${revision} is no longer kept, the oldest is ${head.horizon}`,
    );
  }
  if (revision > head.revision) {
    throw new DomainError(
      "revision_ahead",
      `revision ${revision} has not arrived, the head is ${head.revision}`,
    );
  }
}
