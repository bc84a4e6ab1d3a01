import { serve } from "../src/main.ts";
import { Barrier } from "../src/replica/barrier.ts";
import { Lease } from "../src/replica/lease.ts";
import { LeaseWatch } from "../src/replica/lease-watch.ts";
import { PageStore } from "../src/replica/page-store.ts";
import { Database, sessionOf, type PoolName, type Statement } from "../src/store/database.ts";

// The server with one rule of the protocol taken out, by its name in the first argument: what the
// checker is worth is whether it notices. The product itself has no switch for this.

const breakings: Readonly<Record<string, () => void>> = {
  /** W4: a write is answered when it is committed. */
  barrier: () => {
    Barrier.prototype.wait = () => Promise.resolve({ nodesAcknowledged: 0, waitedMs: 0 });
  },
  /** S2: a lease that was once held is good for ever. */
  lease: () => {
    Lease.prototype.isValid = function isValid(this: Lease): boolean {
      return this.id !== undefined;
    };
  },
  /** C2: what is applied does not reach the pages. */
  pages: () => {
    PageStore.prototype.apply = () => {};
  },
  /** W3: a cancelled wait for the standby is a success. L2: a repeated subscription finds its row, and writes nothing. */
  standby: () => {
    // oxlint-disable-next-line typescript/unbound-method -- called on a database below
    const { query } = Database.prototype;
    const repeated = `with added as (insert into lease_tenant (tenant_id, lease_id) values ($1, $2)
      on conflict do nothing returning 1) select (select count(*) from added) + 1 as rows`;
    Database.prototype.query = function believing<Row extends object>(
      this: Database,
      pool: PoolName,
      { name, text }: Statement,
      values: readonly unknown[],
    ): Promise<Row[]> {
      const statement = { name, text: name === "lease_subscribe" ? repeated : text };
      if (pool !== "leases")
        return query.call<Database, Parameters<typeof query>, Promise<Row[]>>(
          this,
          pool,
          statement,
          values,
        );
      return this.lend(pool, (client) => sessionOf(client).query<Row>(statement, values));
    };
  },
  /** L8: a lease is killed as soon as it was seen. */
  kill: () => {
    // oxlint-disable-next-line typescript/unbound-method -- called on a watch below
    const { expired } = LeaseWatch.prototype;
    LeaseWatch.prototype.expired = function early(this: LeaseWatch, nowMs: number) {
      return expired.call(this, nowMs + 1e9);
    };
  },
};

const [rule = "", ...args] = process.argv.slice(2);
const breaking = breakings[rule];
if (breaking === undefined) {
  throw new RangeError(`there is no rule ${rule}; there are ${Object.keys(breakings).join(", ")}`);
}
breaking();
process.exitCode = await serve(args);
