import { Code } from "@connectrpc/connect";
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";
import { DomainError } from "../core/error.ts";
import type { DecisionEvent, DecisionSink } from "../service/decision-event.ts";
import type { CallObserver } from "./admission.ts";
import type { HttpPages } from "./http-pages.ts";

/** Numbers that somebody else keeps up to date, as a replica does; their names are in camel case. */
export type Numbers = Readonly<Record<string, number>>;

/** Everything that is counted, and the page that shows it. */
export interface Metrics extends Pick<HttpPages, "metrics"> {
  readonly calls: CallObserver;
  readonly decisions: DecisionSink;
}

// From a check in memory to a revocation that waits for a dead node.
const secondsBuckets = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
  20,
];

/** `replica` is read at each scrape: what only grows is shown as a counter would be. */
export function createMetrics(replica: () => Numbers): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const requests = new Counter({
    name: "prokura_requests_total",
    help: "Calls that ended, by method and status.",
    labelNames: ["method", "status"],
    registers: [registry],
  });
  const durations = new Histogram({
    name: "prokura_request_duration_seconds",
    help: "From the headers of a call to its end.",
    labelNames: ["method"],
    buckets: secondsBuckets,
    registers: [registry],
  });
  const inFlight = new Gauge({
    name: "prokura_requests_in_flight",
    help: "Calls under way, streams included.",
    registers: [registry],
  });
  const decided = new Counter({
    name: "prokura_decisions_total",
    help: "Checks, by verdict and reason. An error is no decision: its verdict is error.",
    labelNames: ["verdict", "reason"],
    registers: [registry],
  });
  const decisionSeconds = new Histogram({
    name: "prokura_decision_duration_seconds",
    help: "From the arrival of a check in the service to its decision.",
    buckets: secondsBuckets,
    registers: [registry],
  });
  addReplicaNumbers(registry, replica);
  // Labels are few and looked up once: the library would check and hash them at every call.
  const requestsOf = cached((key) => {
    const [method = "", status = ""] = key.split(" ");
    return requests.labels({ method, status });
  });
  const durationsOf = cached((method) => durations.labels({ method }));
  const decidedOf = cached((key) => {
    const [verdict = "", reason = ""] = key.split(" ");
    return decided.labels({ verdict, reason });
  });
  return {
    calls: {
      started: () => inFlight.inc(),
      ended: (method, status, durationMs) => {
        inFlight.dec();
        requestsOf(`${method} ${statusName(status)}`).inc();
        durationsOf(method).observe(durationMs / 1000);
      },
    },
    decisions: {
      record: ({ outcome, latencyUs }) => {
        decidedOf(outcomeLabels(outcome)).inc();
        decisionSeconds.observe(latencyUs / 1e6);
      },
    },
    metrics: async () => ({ contentType: registry.contentType, text: await registry.metrics() }),
  };
}

/** Remembers what was made for each key. Keys must be few. */
function cached<Value>(make: (key: string) => Value): (key: string) => Value {
  const made = new Map<string, Value>();
  return (key) => {
    const known = made.get(key);
    if (known !== undefined) return known;
    const value = make(key);
    made.set(key, value);
    return value;
  };
}

function addReplicaNumbers(registry: Registry, replica: () => Numbers): void {
  for (const name of Object.keys(replica())) {
    registry.registerMetric(
      new Gauge({
        name: `prokura_replica_${name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}`,
        help: `Of the replica: ${name}.`,
        registers: [],
        collect() {
          this.set(replica()[name] ?? 0);
        },
      }),
    );
  }
}

/** Verdict and reason, with a space between. */
function outcomeLabels(outcome: DecisionEvent["outcome"]): string {
  if (outcome instanceof DomainError) return `error ${outcome.code}`;
  const { verdict } = outcome;
  switch (verdict.kind) {
    case "allowed":
      return "allowed";
    case "denied":
      return `denied ${verdict.reason}`;
  }
}

function statusName(status: Code | "ok"): string {
  return status === "ok" ? "ok" : Code[status].replace(/\B[A-Z]/g, "_$&").toLowerCase();
}
