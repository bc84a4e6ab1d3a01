import { Code } from "@connectrpc/connect";
import { collectDefaultMetrics, Counter, Gauge, Registry } from "prom-client";
import { DomainError } from "../core/error.ts";
import type { DecisionEvent, DecisionSink } from "../service/decision-event.ts";
import type { CallObserver } from "./admission.ts";
import { Durations } from "./durations.ts";
import type { HttpPages } from "./http-pages.ts";

/** Numbers that somebody else keeps up to date, as a replica does; their names are in camel case. */
export type Numbers = Readonly<Record<string, number>>;

/** Everything that is counted, and the page that shows it. */
export interface Metrics extends Pick<HttpPages, "metrics"> {
  readonly calls: CallObserver;
  readonly decisions: DecisionSink;
  /** A caller did what it may do in an emergency only. */
  readonly glassBroken: () => void;
  /** Shows numbers of another part under its name, read at each scrape. */
  readonly show: (part: string, numbers: () => Numbers) => void;
}

/** `replica` is read at each scrape: what only grows is shown as a counter would be. */
export function createMetrics(replica: () => Numbers): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  addNumbers(registry, "replica", replica);
  const calls = countCalls(registry);
  const decisions = countDecisions(registry);
  const glass = new Counter({
    name: "prokura_break_glass_total",
    help: "Requests that were permitted because their caller may break the glass.",
    registers: [registry],
  });
  return {
    calls,
    decisions,
    glassBroken: () => glass.inc(),
    show: (part, numbers) => addNumbers(registry, part, numbers),
    metrics: async () => {
      const lines = [...calls.lines(), ...decisions.lines(), ""];
      return {
        contentType: registry.contentType,
        text: `${await registry.metrics()}\n${lines.join("\n")}`,
      };
    },
  };
}

/** What is counted here rather than by the library. */
interface Counted {
  readonly lines: () => readonly string[];
}

interface MethodCounts {
  readonly durations: Durations;
  readonly byStatus: Map<Code | "ok", number>;
}

function countCalls(registry: Registry): CallObserver & Counted {
  const methods = new Map<string, MethodCounts>();
  let underWay = 0;
  addGauge(
    registry,
    "prokura_requests_in_flight",
    "Calls under way, streams included.",
    () => underWay,
  );
  addCounter(
    registry,
    "prokura_requests_total",
    "Calls that ended, by method and status.",
    ["method", "status"],
    function* () {
      for (const [method, { byStatus }] of methods) {
        for (const [status, count] of byStatus) {
          yield [{ method, status: statusName(status) }, count];
        }
      }
    },
  );
  const name = "prokura_request_duration_seconds";
  return {
    of: (method) => {
      const counts = methods.get(method) ?? { durations: new Durations(), byStatus: new Map() };
      methods.set(method, counts);
      const { durations, byStatus } = counts;
      return {
        started: () => void (underWay += 1),
        ended: (status, durationMs) => {
          underWay -= 1;
          byStatus.set(status, (byStatus.get(status) ?? 0) + 1);
          durations.add(durationMs / 1000);
        },
      };
    },
    lines: () => [
      ...head(name, "From the headers of a call to its end."),
      ...[...methods].flatMap(([method, { durations }]) =>
        durations.lines(name, `method="${method}"`),
      ),
    ],
  };
}

function countDecisions(registry: Registry): DecisionSink & Counted {
  const byOutcome = new Map<string, number>();
  const durations = new Durations();
  addCounter(
    registry,
    "prokura_decisions_total",
    "Checks, by verdict and reason. An error is no decision: its verdict is error.",
    ["verdict", "reason"],
    function* () {
      for (const [outcome, count] of byOutcome) {
        const [verdict = "", reason = ""] = outcome.split(" ");
        yield [{ verdict, reason }, count];
      }
    },
  );
  const name = "prokura_decision_duration_seconds";
  return {
    record: ({ outcome, latencyUs }) => {
      const labels = outcomeLabels(outcome);
      byOutcome.set(labels, (byOutcome.get(labels) ?? 0) + 1);
      durations.add(latencyUs / 1e6);
    },
    lines: () => [
      ...head(name, "From the arrival of a check in the service to its decision."),
      ...durations.lines(name, ""),
    ],
  };
}

function head(name: string, help: string): readonly string[] {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} histogram`];
}

function addGauge(registry: Registry, name: string, help: string, read: () => number): void {
  registry.registerMetric(
    new Gauge({
      name,
      help,
      registers: [],
      collect() {
        this.set(read());
      },
    }),
  );
}

/** What is counted elsewhere, put into the library's form at each scrape. */
function addCounter<Label extends string>(
  registry: Registry,
  name: string,
  help: string,
  labelNames: Label[],
  read: () => Iterable<readonly [Record<Label, string>, number]>,
): void {
  registry.registerMetric(
    new Counter({
      name,
      help,
      labelNames,
      registers: [],
      collect() {
        this.reset();
        for (const [labels, count] of read()) this.inc(labels, count);
      },
    }),
  );
}

function addNumbers(registry: Registry, part: string, numbers: () => Numbers): void {
  for (const name of Object.keys(numbers())) {
    addGauge(
      registry,
      `prokura_${part}_${name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}`,
      `Of the ${part.replaceAll("_", " ")}: ${name}.`,
      () => numbers()[name] ?? 0,
    );
  }
}

/** Verdict and reason, with a space between. */
function outcomeLabels(outcome: DecisionEvent["outcome"]): string {
  if (outcome instanceof DomainError) return errorLabels(outcome.code);
  const { verdict } = outcome;
  switch (verdict.kind) {
    case "allowed":
      return "allowed";
    case "denied":
      return deniedLabels(verdict.reason);
  }
}

const errorLabels = labelled("error");
const deniedLabels = labelled("denied");

/** Puts the two together once for each reason: there are few. */
function labelled(verdict: string): (reason: string) => string {
  const made = new Map<string, string>();
  return (reason) => {
    const known = made.get(reason);
    if (known !== undefined) return known;
    const labels = `${verdict} ${reason}`;
    made.set(reason, labels);
    return labels;
  };
}

function statusName(status: Code | "ok"): string {
  return status === "ok" ? "ok" : Code[status].replace(/\B[A-Z]/g, "_$&").toLowerCase();
}
