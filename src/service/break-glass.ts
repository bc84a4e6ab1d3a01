import type { Caller, Permission } from "../core/caller.ts";
import { RecentValues } from "../identity/recent-values.ts";
import type { Storage } from "./storage.ts";

/** A permission that a caller has only because it broke the glass. */
export interface BreakGlassUse {
  readonly caller: Caller;
  readonly permission: Permission;
  readonly tenant: string;
}

/** Rejects where the use cannot be written down: then it is none. */
export type OnBreakGlass = (use: BreakGlassUse) => Promise<void>;

interface Ports {
  readonly write: Storage["write"];
  /** Where somebody hears it. */
  readonly report: (use: BreakGlassUse) => void;
  /** Every use, also those that are not reported again. */
  readonly count: () => void;
}

/** So long one line and one revision stand for all uses of one permission by one caller in one tenant. */
const quietMs = 60_000;
const quietUses = 1_000;

/**
 * Makes a use heard before it is allowed: reported, and an empty revision of the tenant that says who
 * and as what.
 */
export function createBreakGlass({ write, report, count }: Ports): OnBreakGlass {
  const heard = new RecentValues<true>(quietUses, quietMs, () => performance.now());
  return async (use) => {
    const { caller, permission, tenant } = use;
    count();
    const key = JSON.stringify([caller.id, permission, tenant]);
    if (heard.get(key) === true) return;
    report(use);
    const written = await write({
      tenant,
      caller,
      operation: "break_glass",
      reason: `acts as ${permission}`,
      steps: [],
      preconditions: [],
      records: [],
      urgent: true,
    });
    if (written.kind === "refused") throw written.error;
    heard.set(key, true);
  };
}
