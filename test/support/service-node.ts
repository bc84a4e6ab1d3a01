import { readFile } from "node:fs/promises";
import { parseName, parseObjectText, type ObjectRef } from "../../src/core/object.ts";
import { parseSubjectText } from "../../src/core/subject.ts";
import { parseTupleText } from "../../src/core/tuple.ts";
import type { Call, Decision } from "../../src/core/decision.ts";
import { defaultLimits } from "../../src/engine/limits.ts";
import type { SubjectIssuer } from "../../src/identity/issuer.ts";
import { createTokenVerifier } from "../../src/identity/token-verifier.ts";
import { ReplicaMachine } from "../../src/replica/machine.ts";
import type { ReplicaParameters } from "../../src/replica/parameters.ts";
import { listenForMachine, postgresDb, postgresPast } from "../../src/replica/postgres.ts";
import { PastEvaluator } from "../../src/replica/private-graph.ts";
import { systemClock, systemRng, systemTimers } from "../../src/runtime.ts";
import { storageOf } from "../../src/service/database-storage.ts";
import { createBreakGlass, type BreakGlassUse } from "../../src/service/break-glass.ts";
import type { DecisionEvent } from "../../src/service/decision-event.ts";
import type { CoveragePair, DelegateRequest } from "../../src/service/delegations.ts";
import { createPermits } from "../../src/service/permits.ts";
import type { MutationOptions, RequestContext } from "../../src/service/request.ts";
import { createServices, type Services } from "../../src/service/services.ts";
import type { Storage } from "../../src/service/storage.ts";
import { Database } from "../../src/store/database.ts";
import { ensureStandingTenants } from "../../src/store/tenants.ts";
import { openHintSeal } from "../../src/store/hint-seal.ts";
import { createWriter } from "../../src/store/writer.ts";
import { createTestDatabase } from "./database.ts";

/** A whole node but for its ports: the use cases on a real replica and a real PostgreSQL. */
export interface ServiceNode extends AsyncDisposable {
  readonly services: Services;
  readonly storage: Storage;
  readonly replica: ReplicaMachine;
  readonly database: Database;
  readonly decisions: DecisionEvent[];
  /** Uses of broken glass that were reported. */
  readonly broken: BreakGlassUse[];
}

/** Several nodes share one database by its address. */
export async function startNode(
  address?: string,
  issuers: readonly SubjectIssuer[] = [],
  parameters: Partial<ReplicaParameters> = {},
): Promise<ServiceNode> {
  const connectionString = address ?? (await createTestDatabase()).connectionString;
  const database = new Database({ connectionString, log: () => undefined });
  await ensureStandingTenants(database);
  const seal = await openHintSeal(database);
  const writer = createWriter(database, seal);
  const storage = storageOf(database, writer);
  const models = {
    load: async (tenant: string, modelId: string) => {
      const kept = await storage.models.read(tenant, modelId);
      if (kept === undefined) throw new Error(`no model ${modelId}`);
      return kept.model;
    },
  };
  const replica = new ReplicaMachine({
    db: postgresDb(database, systemTimers, seal),
    models,
    clock: systemClock,
    timers: systemTimers,
    rng: systemRng,
    report: () => undefined,
    node: "test",
    parameters,
  });
  const hints = await listenForMachine(connectionString, seal, replica);
  replica.start();
  const past = new PastEvaluator({
    load: postgresPast(database),
    models,
    memoryBytes: 1 << 26,
    pagesPerRoundMax: 256,
    roundsMax: 80,
  });
  const decisions: DecisionEvent[] = [];
  const broken: BreakGlassUse[] = [];
  const services = createServices({
    storage,
    replica,
    evaluatePast: (tenant, at, evaluation, signal) => past.evaluate(tenant, at, evaluation, signal),
    verifySubject: createTokenVerifier(issuers, Date.now),
    permits: createPermits({
      replica,
      limits: defaultLimits,
      nowMs: Date.now,
      onBreakGlass: createBreakGlass({
        write: storage.write,
        report: (use) => void broken.push(use),
        count: () => undefined,
      }),
    }),
    decisions: {
      record: (event) => {
        decisions.push(event);
      },
    },
    limits: defaultLimits,
    settings: {
      lifetimes: { defaultMs: 3_600_000, maxMs: 30 * 24 * 3_600_000 },
      pairDelegationsMax: 20,
      writeTuplesMax: 1_000,
      killMs: 12_000,
    },
    ownLeaseId: () => replica.leaseId,
  });
  return {
    services,
    storage,
    replica,
    database,
    decisions,
    broken,
    async [Symbol.asyncDispose]() {
      await replica.close();
      await hints.close();
      await writer.close();
      await database.close();
    },
  };
}

export const options: MutationOptions = { reason: "a test", skipBarrier: false };

export function requestContext(tenant = "default"): RequestContext {
  return {
    caller: { id: "anonymous", proof: { kind: "loopback" } },
    tenant,
    signal: new AbortController().signal,
    deadlineMs: 20_000,
  };
}

export function object(text: string): ObjectRef {
  return parseObjectText(text, "object");
}

/** Writes the stock model, and the tuples of a small world on it. */
export async function prepareWorld(node: ServiceNode, tuples: readonly string[]): Promise<void> {
  const text = await readFile(new URL("../../schema/models/stock.fga", import.meta.url), "utf8");
  const context = requestContext();
  await node.services.models.write(
    context,
    { sources: [{ name: "model.fga", text }], activate: true },
    options,
  );
  await touch(node, tuples);
}

export async function touch(node: ServiceNode, tuples: readonly string[]): Promise<void> {
  const steps = tuples.map((text) => ({
    kind: "touch" as const,
    tuple: parseTupleText(text, "tuple"),
  }));
  await node.services.tuples.write(requestContext(), { steps, preconditions: [] }, options);
}

export async function remove(node: ServiceNode, tuples: readonly string[]): Promise<void> {
  const steps = tuples.map((text) => ({
    kind: "delete" as const,
    tuple: parseTupleText(text, "tuple"),
  }));
  await node.services.tuples.write(requestContext(), { steps, preconditions: [] }, options);
}

/** Alice's mailbox, a folder with a file, and two tools on a server that everyone may use. */
export const mailWorld: readonly string[] = [
  "mcp_server:mail#eligible@agent:*",
  "tool:send#server@mcp_server:mail",
  "tool:send#eligible@agent:*",
  "tool:send#requires@permission:mailbox/sender",
  "tool:read#server@mcp_server:mail",
  "tool:read#eligible@agent:*",
  "tool:read#requires@permission:file/viewer",
  "mailbox:alice#owner@user:alice",
  "folder:home#owner@user:alice",
  "file:plan#parent@folder:home",
];

export function callOf(
  tool: string,
  resource: string,
  changes: Partial<Call> & { readonly by?: string } = {},
): Call {
  const { by = "agent:bot", ...rest } = changes;
  return {
    principal: object("user:alice"),
    actors: by.split(" ").map(object),
    tool: object(tool),
    accesses: [{ resource: object(resource), context: {} }],
    context: {},
    partialChain: false,
    contextualTuples: [],
    ...rest,
  };
}

export async function decide(node: ServiceNode, call: Call): Promise<Decision> {
  return node.services.authorizer.check(requestContext(), call, {
    consistency: { kind: "default" },
    explain: false,
  });
}

/** `allowed`, or the reason. */
export async function verdict(node: ServiceNode, call: Call): Promise<string> {
  const { verdict: found } = await decide(node, call);
  return found.kind === "allowed" ? "allowed" : found.reason;
}

export function pair(tools: readonly string[], resources: readonly string[]): CoveragePair {
  const entry = (text: string) => ({ subject: parseSubjectText(text, "subject") });
  return { tools: tools.map(entry), resources: resources.map(entry) };
}

export function delegateRequest(changes: Partial<DelegateRequest>): DelegateRequest {
  return {
    principal: object("user:alice"),
    delegate: object("agent:bot"),
    pairs: [pair(["tool:send"], ["mailbox:alice"])],
    sessions: [],
    delegableTo: [],
    lifetime: { kind: "default" },
    purpose: "",
    labels: {},
    ...changes,
  };
}

/** Delegates, and returns the ids. */
export async function grant(
  node: ServiceNode,
  changes: Partial<DelegateRequest>,
): Promise<readonly string[]> {
  const { delegations } = await node.services.delegations.delegate(
    requestContext(),
    delegateRequest(changes),
    options,
  );
  return delegations.map(({ id }) => id);
}

export const relation: typeof parseName = parseName;
