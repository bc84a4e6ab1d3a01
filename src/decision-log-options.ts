import { choice, count, day, duration, file, named, second, type Option } from "./option.ts";

/** What an operator may set of the log of decisions. Lengths of time are in milliseconds. */
export interface DecisionLogConfig {
  readonly decisionLog: (typeof modes)[number];
  readonly decisionLogQueueMax: number;
  readonly decisionLogFull: (typeof fullChoices)[number];
  /** Names of parameters. */
  readonly decisionLogContext: readonly string[];
  readonly decisionLogKeepMs: number;
  readonly decisionLogCheckpointMs: number;
  /** Absent: one is made in the data directory. */
  readonly decisionLogKeyFile: string | undefined;
}

const modes = ["async", "sync", "off"] as const;
const fullChoices = ["block", "count"] as const;
const parametersMax = 100;

export const decisionLogOptions: {
  readonly [Name in keyof DecisionLogConfig]: Option<DecisionLogConfig[Name]>;
} = {
  decisionLog: choice(
    "decision-log",
    "whether decisions are logged; with sync an ALLOWED leaves only when its row is durable",
    modes,
    "async",
  ),
  decisionLogQueueMax: count(
    "decision-log-queue",
    "decisions that wait to be logged",
    20_000,
    1,
    1_000_000,
  ),
  decisionLogFull: choice(
    "decision-log-full",
    "what a decision does for which there is no room in the queue: wait, or have its row counted as dropped",
    fullChoices,
    "block",
  ),
  decisionLogContext: {
    ...named("decision-log-context", "parameters of contexts whose values are copied into the log"),
    allowed: `at most ${parametersMax} names with commas between`,
    shown: "none, only a hash",
    standard: () => [],
    parse: (text) => {
      const names = text.split(",").map((name) => name.trim());
      const isList = names.length <= parametersMax && names.every((name) => name !== "");
      return isList ? { is: names } : undefined;
    },
  },
  decisionLogKeepMs: duration(
    "decision-log-keep",
    "how long logged decisions, and who made a change, are kept",
    "90d",
    90 * day,
  ),
  decisionLogCheckpointMs: duration(
    "decision-log-checkpoint",
    "how often what was logged is signed",
    "1m",
    60 * second,
  ),
  decisionLogKeyFile: file(
    "decision-log-key",
    "the Ed25519 key that signs the log, in PEM",
    "one is made in the data directory",
  ),
};
