import type { Client } from "../client/client.ts";
import { durationFromProto } from "../client/time.ts";
import { optionalText, toggle, type Flag, type FlagTable } from "./flag.ts";
import type { Online } from "./online.ts";
import { formatDuration } from "./time-text.ts";

/** What every change may be told. */
interface MutationFlags extends FlagTable {
  readonly reason: Flag<string | undefined>;
  readonly idempotencyKey: Flag<string | undefined>;
  readonly noBarrier: Flag<boolean>;
}

export const mutationFlags: MutationFlags = {
  reason: optionalText("reason", "TEXT", "why, for auditors"),
  idempotencyKey: optionalText("idempotency-key", "KEY", "makes a repetition safe for 24 hours"),
  noBarrier: toggle("no-barrier", "return once it is committed, without waiting for the nodes"),
};

type Options = NonNullable<Parameters<Client["tuple"]["writeTuples"]>[0]["options"]>;
type Result = NonNullable<Awaited<ReturnType<Client["tuple"]["writeTuples"]>>["result"]>;

export function optionsOf(values: {
  readonly reason: string | undefined;
  readonly idempotencyKey: string | undefined;
  readonly noBarrier: boolean;
}): Options {
  const { reason = "", idempotencyKey = "", noBarrier } = values;
  return { reason, idempotencyKey, skipBarrier: noBarrier };
}

/** What became of a write, on a line of its own; nothing where nothing was written. */
export function describeResult(result: Result | undefined, { paint }: Online): readonly string[] {
  if (result === undefined || result.token === "") return [];
  const { token, enforced, nodesAcknowledged: nodes, waited } = result;
  if (!enforced) return [paint.doubtful("committed, not yet on every node"), `token ${token}`];
  if (nodes === 0) return [paint.faint(`in force: no node held any of it, token ${token}`)];
  const time = waited === undefined ? "" : ` within ${formatDuration(durationFromProto(waited))}`;
  const on = nodes === 1 ? "on 1 node" : `on ${nodes} nodes`;
  return [paint.faint(`in force ${on}${time}, token ${token}`)];
}
