import type { Revision, Timeline } from "../core/revision.ts";
import type { Db } from "./db.ts";
import type { ReplicaParameters } from "./parameters.ts";
import type { Report, Timers } from "./ports.ts";

/** Nodes that are told of an acknowledgement; more of them find out by themselves. */
const askedByMax = 16;
const hedgeMsMax = 3200;
const unhurriedMs = 5;

export interface AcknowledgementsOptions {
  readonly db: Pick<Db, "acknowledge">;
  readonly timers: Timers;
  readonly parameters: Pick<ReplicaParameters, "hedgeMs" | "retryMs">;
  readonly report: Report;
  readonly tenant: string;
  /** The lease under which the tenant is subscribed, if it is. */
  readonly leaseId: () => string | undefined;
  /** Of the lease. */
  readonly timeline: () => Timeline | undefined;
  readonly applied: () => Revision;
  /** So many nodes that telling each other costs more than looking. */
  readonly isCrowded: () => boolean;
  readonly answered: () => void;
}

/** L4 of one tenant: one is under way, with what was applied when it was sent; one that is late is not waited for. */
export class Acknowledgements {
  readonly #options: AcknowledgementsOptions;
  /** By name, what they wait for. */
  readonly #askedBy = new Map<string, Revision>();
  #upTo = 0;
  #isPlanned = false;
  #isUnderWay = false;
  #hedgeMs: number;

  constructor(options: AcknowledgementsOptions) {
    this.#options = options;
    this.#hedgeMs = options.parameters.hedgeMs;
  }

  /** What has been acknowledged under this lease, and answered. */
  get upTo(): number {
    return this.#upTo;
  }

  /** Under another lease nothing has been acknowledged. */
  startOver(): void {
    this.#upTo = 0;
    this.#askedBy.clear();
  }

  /** Another node waits for the revision. */
  ask(name: string, revision: Revision): void {
    if (revision > this.#upTo && this.#askedBy.size < askedByMax) {
      this.#askedBy.set(name, revision);
    }
    this.send();
  }

  /** Acknowledges what this node has written itself: soon, for it waits for no word of its own. */
  sendSoon(): void {
    if (this.#isPlanned) return;
    this.#isPlanned = true;
    this.#options.timers.after(unhurriedMs, () => {
      this.#isPlanned = false;
      this.send();
    });
  }

  /** Acknowledges what is applied, unless that is done or under way. */
  send(): void {
    const { timers, leaseId, timeline: timelineNow, applied: appliedNow } = this.#options;
    const lease = leaseId();
    const timeline = timelineNow();
    const applied = appliedNow();
    if (lease === undefined || timeline === undefined) return;
    if (this.#isUnderWay || applied <= this.#upTo) return;
    this.#isUnderWay = true;
    let isOver = false;
    /** False where something newer may be under way by now. */
    const end = (): boolean => {
      cancel();
      if (isOver) return false;
      isOver = true;
      this.#isUnderWay = false;
      return true;
    };
    const cancel = timers.after(this.#hedgeMs, () => {
      this.#hedgeMs = Math.min(hedgeMsMax, this.#hedgeMs * 2);
      if (end()) this.send();
    });
    void this.#acknowledge(lease, timeline, applied, end);
  }

  async #acknowledge(
    leaseId: string,
    timeline: Timeline,
    applied: Revision,
    end: () => boolean,
  ): Promise<void> {
    const { db, tenant, timers, parameters, report } = this.#options;
    const askedBy = [...this.#askedBy].filter(([, revision]) => revision <= applied);
    const names = this.#options.isCrowded() ? [] : askedBy.map(([name]) => name);
    try {
      await db.acknowledge(leaseId, { tenant, timeline, revision: applied }, names);
    } catch (cause) {
      report("acknowledging a revision", cause);
      timers.after(parameters.retryMs, () => {
        if (end()) this.send();
      });
      return;
    }
    end();
    this.#hedgeMs = parameters.hedgeMs;
    for (const [name, revision] of askedBy) {
      if (this.#askedBy.get(name) === revision) this.#askedBy.delete(name);
    }
    if (this.#options.leaseId() === leaseId) {
      this.#upTo = Math.max(this.#upTo, applied);
      this.#options.answered();
    }
    this.send();
  }
}
