import type { Client } from "../client/client.ts";
import { timeToProto } from "../client/time.ts";
import { DomainError } from "../core/error.ts";
import { optionalText, toggle, type Flag, type FlagTable } from "./flag.ts";
import { parseTimeText } from "./time-text.ts";

/** How fresh the answer must be: flags of commands that read. */
export interface FreshnessFlags extends FlagTable {
  readonly fresh: Flag<boolean>;
  readonly after: Flag<string | undefined>;
  readonly at: Flag<string | undefined>;
}

export const freshnessFlags: FreshnessFlags = {
  fresh: toggle("fresh", "see everything that is committed by now"),
  after: optionalText("after", "TOKEN", "see at least the write that gave this token"),
  at: optionalText("at", "TOKEN|TIME", "see exactly this revision, or the last one at a past time"),
};

type Consistency = NonNullable<Parameters<Client["authorization"]["check"]>[0]["consistency"]>;

/** Fails with `malformed` where more than one is asked for. */
export function consistencyOf(values: {
  readonly fresh: boolean;
  readonly after: string | undefined;
  readonly at: string | undefined;
}): Consistency {
  const { fresh, after, at } = values;
  if ([fresh, after !== undefined, at !== undefined].filter(Boolean).length > 1) {
    throw new DomainError("malformed", "only one of --fresh, --after and --at may be given");
  }
  if (fresh) return { mode: { case: "fullyConsistent", value: true } };
  if (after !== undefined) return { mode: { case: "atLeastAsFresh", value: after } };
  if (at === undefined) return {};
  // A token has no colon, a time has.
  if (!at.includes(":")) {
    return { mode: { case: "atExact", value: { revision: { case: "token", value: at } } } };
  }
  const instant = timeToProto(parseTimeText(at, "--at"));
  return { mode: { case: "atExact", value: { revision: { case: "instant", value: instant } } } };
}
