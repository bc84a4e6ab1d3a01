import { randomBytes } from "node:crypto";
import { formatDecisionId } from "../audit/decision-id.ts";
import type { Permits } from "../core/caller.ts";
import type { EngineLimits } from "../engine/limits.ts";
import type { SubjectIssuer } from "../identity/issuer.ts";
import type { VerifyToken } from "../identity/token-verifier.ts";
import { modelRejected } from "../model/finding.ts";
import { readModel } from "../model/read-model.ts";
import type { Replica } from "../replica/replica.ts";
import type { ApiKeys } from "./api-keys.ts";
import { createAuthorizer } from "./authorize-call.ts";
import { asAuditor, createAudit, type Audit } from "./audit.ts";
import type { Authorizer, RelationReader, ToolLister } from "./authorizer.ts";
import { contractGuard } from "./contract-guard.ts";
import type { DecisionSink } from "./decision-event.ts";
import { delegate } from "./delegate.ts";
import type { Delegations } from "./delegations.ts";
import { createEvaluator, type EvaluatePast } from "./evaluator.ts";
import type { LifetimeSettings } from "./lifetime.ts";
import { createApiKeys } from "./key-keeper.ts";
import { getDelegation, listDelegations } from "./list-delegations.ts";
import { createToolLister } from "./list-tools.ts";
import { createModels } from "./model-keeper.ts";
import type { Models } from "./models.ts";
import { createMutator } from "./mutator.ts";
import { offboard } from "./offboard.ts";
import { createRelationReader } from "./relations.ts";
import { renew } from "./renew.ts";
import { revoke } from "./revoke.ts";
import type { Storage } from "./storage.ts";
import { subjectNaming, type NameSubjects } from "./subject-tokens.ts";
import { resume, suspend } from "./suspend.ts";
import { createTenants } from "./tenant-keeper.ts";
import type { Tenants } from "./tenants.ts";
import { exportTuples, readTuples } from "./tuple-reader.ts";
import { deleteTuples, importTuples, writeTuples } from "./tuple-writer.ts";
import type { Tuples } from "./tuples.ts";
import { waitFor } from "./wait-for.ts";
import { watchChanges } from "./watch-changes.ts";

/** Every use case of the API. */
export interface Services {
  readonly authorizer: Authorizer;
  readonly relations: RelationReader;
  readonly tools: ToolLister;
  readonly delegations: Delegations;
  readonly tuples: Tuples;
  readonly models: Models;
  readonly tenants: Tenants;
  readonly keys: ApiKeys;
  readonly audit: Audit;
  readonly nameSubjects: NameSubjects;
}

export interface ServiceDependencies {
  readonly storage: Storage;
  readonly replica: Replica;
  readonly evaluatePast: EvaluatePast;
  readonly permits: Permits;
  /** Verifies tokens that requests carry: of principals and agents, not of callers. */
  readonly verifySubject: VerifyToken<SubjectIssuer>;
  readonly decisions: DecisionSink;
  readonly limits: EngineLimits;
  readonly settings: ServiceSettings;
  /** Absent while this node holds no lease. */
  readonly ownLeaseId: () => string | undefined;
}

export interface ServiceSettings {
  readonly lifetimes: LifetimeSettings;
  /** Live delegations of one (principal, delegate). */
  readonly pairDelegationsMax: number;
  readonly writeTuplesMax: number;
  /** T_kill of the revocation protocol, in milliseconds. */
  readonly killMs: number;
}

export function createServices(dependencies: ServiceDependencies): Services {
  const { storage, replica, evaluatePast, permits, decisions, limits, settings } = dependencies;
  const evaluator = createEvaluator(replica, storage, evaluatePast);
  const mutator = createMutator(storage, replica, settings.killMs);
  const all = { ...dependencies, ...settings, evaluator, mutator };
  const delegating = { ...all, newDelegationId: () => newId("d") };
  const suspending = { ...all, newSuspensionId: () => newId("s") };
  const services: WithoutOffboarding = {
    authorizer: createAuthorizer({
      evaluator,
      permits,
      limits,
      decisions,
      newDecisionId: decisionIds(),
    }),
    relations: createRelationReader(all),
    tools: createToolLister(all),
    delegations: {
      delegate: (context, request, options) => delegate(delegating, context, request, options),
      renew: (context, request, options) => renew(delegating, context, request, options),
      revoke: (context, request, options) => revoke(all, context, request, options),
      get: (context, id, consistency) => getDelegation(all, context, id, consistency),
      list: (context, filter, page, consistency) =>
        listDelegations(all, context, filter, page, consistency),
      suspend: (context, target, options) => suspend(suspending, context, target, options),
      resume: (context, request, options) => resume(suspending, context, request, options),
    },
    tuples: {
      write: (context, request, options) => writeTuples(all, context, request, options),
      read: (context, filter, page, consistency) =>
        readTuples(all, context, filter, page, consistency),
      delete: (context, request, options) => deleteTuples(all, context, request, options),
      import: (context, chunks, options) => importTuples(all, context, chunks, options),
      export: (context, filter, cursor, consistency) =>
        exportTuples(all, context, { filter, cursor, consistency }),
      watch: (context, request) => watchChanges(all, context, request),
      waitFor: (context, token) => waitFor(all, context, token),
    },
    models: createModels({
      ...all,
      readModel: async (sources, choices) => {
        const files = sources.map(({ name, text }) => ({ name, text }));
        const checked = await readModel(files, { choices });
        if (checked.kind === "refused") throw modelRejected(checked.findings);
        return checked.model;
      },
      requireContractTuples: contractGuard(all),
      newModelId: () => newId("m"),
    }),
    tenants: createTenants(dependencies),
    nameSubjects: subjectNaming(dependencies.verifySubject),
    audit: createAudit({
      ...dependencies,
      logs: storage.logs,
      tools: createToolLister({ ...all, permits: asAuditor(permits) }),
      nowMs: () => Date.now(),
    }),
    keys: createApiKeys({ ...all, newKeyId: () => newId("k"), nowMs: () => Date.now() }),
  };
  const offboarding = { ...services, permits, mutator, keyStorage: storage.keys };
  const delegations: Delegations = {
    ...services.delegations,
    offboard: (context, request, options) => offboard(offboarding, context, request, options),
  };
  return { ...services, delegations };
}

/** Offboarding is made of the other use cases. */
type WithoutOffboarding = Omit<Services, "delegations"> & {
  readonly delegations: Omit<Delegations, "offboard">;
};

/** 128 random bits, in letters and digits that survive any file name, URL or shell. */
function newId(prefix: string): string {
  return `${prefix}${BigInt(`0x${randomBytes(16).toString("hex")}`)
    .toString(36)
    .padStart(25, "0")}`;
}

/** Unique in the deployment: 96 random bits of this process, and a count. */
function decisionIds(): () => string {
  const process = randomBytes(12).toString("base64url");
  let count = 0;
  return () => {
    count += 1;
    return formatDecisionId(process, count);
  };
}
