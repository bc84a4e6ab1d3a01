import { DomainError } from "../core/error.ts";
import type { Follower } from "./follower.ts";

/** Polled beside the hints at each turn, so that many quiet tenants cost the database little. */
const turnMax = 64;

/** The tenants that the node has been asked about. Once subscribed a tenant stays (L9). */
export class Followers {
  readonly #tenantsMax: number;
  readonly #make: (tenant: string) => Follower;
  readonly #byTenant = new Map<string, Follower>();
  readonly #refusals = new WeakMap<Follower, DomainError>();
  #turn = 0;

  constructor(tenantsMax: number, make: (tenant: string) => Follower) {
    this.#tenantsMax = tenantsMax;
    this.#make = make;
  }

  get(tenant: string): Follower | undefined {
    return this.#byTenant.get(tenant);
  }

  all(): readonly Follower[] {
    return [...this.#byTenant.values()];
  }

  add(tenant: string): Follower {
    if (this.#byTenant.size >= this.#tenantsMax) {
      throw new DomainError(
        "limit_exceeded",
        `this node serves ${this.#tenantsMax} tenants already, ask another`,
      );
    }
    const follower = this.#make(tenant);
    this.#byTenant.set(tenant, follower);
    return follower;
  }

  /** Takes out a tenant that does not exist, for all who wait for it. */
  refuse(follower: Follower, error: DomainError): void {
    this.#byTenant.delete(follower.tenant);
    this.#refusals.set(follower, error);
  }

  refusalOf(follower: Follower): DomainError | undefined {
    return this.#refusals.get(follower);
  }

  nextInTurn(): readonly Follower[] {
    const all = this.all();
    if (all.length <= turnMax) return all;
    const start = this.#turn % all.length;
    this.#turn = start + turnMax;
    return [...all.slice(start), ...all.slice(0, start)].slice(0, turnMax);
  }
}
