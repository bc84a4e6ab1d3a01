import type { ConsistencyToken } from "../core/revision.ts";
import type { Db } from "./db.ts";
import type { ReplicaParameters } from "./parameters.ts";
import type { Report, Timers } from "./ports.ts";

interface Announced {
  position: ConsistencyToken;
  waiting: number;
  cancel: () => void;
}

export interface AnnouncerOptions {
  readonly db: Pick<Db, "notify">;
  readonly timers: Timers;
  readonly parameters: Pick<ReplicaParameters, "notifyMs">;
  readonly report: Report;
}

/** W5: tells the other nodes of what is waited for, again and again; all waits of a tenant together. */
export class Announcer {
  readonly #options: AnnouncerOptions;
  readonly #byTenant = new Map<string, Announced>();

  constructor(options: AnnouncerOptions) {
    this.#options = options;
  }

  /**
   * Until the answer is called. `isAnnounced`: the position was told of already, the first time is when
   * it is due again.
   */
  announce(position: ConsistencyToken, isAnnounced: boolean): () => void {
    const { tenant } = position;
    const known = this.#byTenant.get(tenant);
    const announced = known ?? { position, waiting: 0, cancel: () => {} };
    announced.waiting += 1;
    if (isAhead(position, announced.position)) announced.position = position;
    if (known === undefined) {
      this.#byTenant.set(tenant, announced);
      this.#repeat(announced);
    }
    if (!isAnnounced) this.#notify(position);
    return () => {
      announced.waiting -= 1;
      if (announced.waiting > 0) return;
      announced.cancel();
      this.#byTenant.delete(tenant);
    };
  }

  #repeat(announced: Announced): void {
    const { timers, parameters } = this.#options;
    announced.cancel = timers.after(parameters.notifyMs, () => {
      this.#notify(announced.position);
      this.#repeat(announced);
    });
  }

  #notify(position: ConsistencyToken): void {
    this.#options.db.notify(position).catch((cause: unknown) => {
      this.#options.report("notifying the other nodes", cause);
    });
  }
}

/** Of another timeline, nobody knows which is the later: then the last one that was asked for. */
function isAhead(position: ConsistencyToken, of: ConsistencyToken): boolean {
  return position.timeline !== of.timeline || position.revision > of.revision;
}
