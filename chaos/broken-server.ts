import { serve } from "../src/main.ts";
import { Barrier } from "../src/replica/barrier.ts";
import { Lease } from "../src/replica/lease.ts";
import { LeaseWatch } from "../src/replica/lease-watch.ts";
import { PageStore } from "../src/replica/page-store.ts";

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
