import type { Client } from "../client/client.ts";
import { timeToProto } from "../client/time.ts";
import { optional, toggle, type Flag, type FlagTable, type Parse } from "./flag.ts";
import { parseDurationText, parseTimeText } from "./time-text.ts";

/** Which part of the log: flags of commands that list it. */
interface PeriodFlags extends FlagTable {
  readonly since: Flag<number | undefined>;
  readonly until: Flag<number | undefined>;
  readonly newest: Flag<boolean>;
}

const parseMoment: Parse<number> = (text, field) =>
  text.includes(":") ? parseTimeText(text, field) : Date.now() - parseDurationText(text, field);

export const periodFlags: PeriodFlags = {
  since: optional(
    {
      name: "since",
      value: "TIME|AGO",
      meaning: "from this time on: 2026-12-01T00:00:00Z, or 24h",
    },
    parseMoment,
  ),
  until: optional({ name: "until", value: "TIME|AGO", meaning: "before this time" }, parseMoment),
  newest: toggle("newest", "the newest first"),
};

type Period = Pick<
  Parameters<Client["audit"]["listDecisions"]>[0],
  "since" | "until" | "newestFirst"
>;

export function periodOf(values: {
  readonly since: number | undefined;
  readonly until: number | undefined;
  readonly newest: boolean;
}): Period {
  const { since, until, newest } = values;
  return {
    newestFirst: newest,
    ...(since === undefined ? {} : { since: timeToProto(since) }),
    ...(until === undefined ? {} : { until: timeToProto(until) }),
  };
}
