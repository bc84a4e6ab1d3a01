import type { RevisionChange } from "../core/change.ts";
import { DomainError } from "../core/error.ts";
import type { Json } from "../core/json.ts";
import type { ObjectRef } from "../core/object.ts";
import type { Revision } from "../core/revision.ts";
import type { RelationTuple } from "../core/tuple.ts";
import { modelFromJson, modelToJson } from "../model/model-json.ts";
import { findApiKey, insertApiKey, listApiKeys, listKeysMadeBy } from "../store/api-keys.ts";
import { readChanges } from "../store/changes.ts";
import type { Database } from "../store/database.ts";
import { readDelegationRecords, readDelegationRecordsIn } from "../store/delegation-records.ts";
import { listModels, readModel, storeModel, type StoredModel } from "../store/models.ts";
import { listNodes } from "../store/nodes.ts";
import { loadPages } from "../store/pages.ts";
import { findReply } from "../store/replies.ts";
import { findRevisionAt, readRevision } from "../store/revisions.ts";
import { createTenant, listTenants, readHead, readHeadIn } from "../store/tenants.ts";
import { readTuples, streamTuples } from "../store/tuples.ts";
import type { Writer } from "../store/writer.ts";
import { logStorageOf } from "./database-log.ts";
import type { ModelSource } from "./models.ts";
import { childrenKey } from "./descendants.ts";
import type {
  DelegationSurvey,
  KeptModel,
  ModelStorage,
  Storage,
  TenantStorage,
  TupleStorage,
} from "./storage.ts";

/** The use cases' storage on PostgreSQL. */
export function storageOf(database: Database, writer: Writer): Storage {
  return {
    tuples: tuplesOf(database),
    models: modelsOf(database),
    tenants: tenantsOf(database),
    keys: {
      insert: (key) => insertApiKey(database, key),
      find: (id) => findApiKey(database, id),
      list: (tenant, query) => listApiKeys(database, tenant, query),
      madeBy: (callerIds, query) => listKeysMadeBy(database, callerIds, query),
    },
    logs: logStorageOf(database),
    write: (mutation, signal) => writer.write(mutation, signal),
    findIdempotent: async (tenant, callerId, key) => {
      const response = await findReply(database, tenant, callerId, key);
      return response === undefined ? undefined : { response };
    },
  };
}

/** Tuples of changes that are read at a time. */
const changeTuplesMax = 5_000;
const chunkTuples = 5_000;

function tuplesOf(database: Database): TupleStorage {
  return {
    read: async (tenant, query) => (await readTuples(database, tenant, query)).tuples,
    readObjects: (tenant, revision, objects) => readObjects(database, tenant, revision, objects),
    surveyDelegations: (tenant, delegations) => surveyDelegations(database, tenant, delegations),
    readRecords: async (tenant, ids) => [
      ...(await readDelegationRecords(database, tenant, ids)).values(),
    ],
    loadPages: (tenant, revision, keys) =>
      database.snapshot((session) => loadPages(session, tenant, keys, { at: revision })),
    readChanges: async (tenant, after) => {
      const head = await readHead(database, tenant);
      return { head, changes: await keptChanges(database, tenant, after, head.revision) };
    },
  };
}

async function keptChanges(
  database: Database,
  tenant: string,
  after: Revision,
  upTo: Revision,
): Promise<readonly RevisionChange[] | undefined> {
  if (after >= upTo) return [];
  try {
    return await readChanges(database, tenant, { after, upTo, tuplesMax: changeTuplesMax });
  } catch (error) {
    if (error instanceof DomainError && error.code === "revision_expired") return undefined;
    throw error;
  }
}

/** Objects as pages; one whose page is only held in part is read whole by itself. */
async function readObjects(
  database: Database,
  tenant: string,
  revision: Revision,
  objects: readonly ObjectRef[],
): Promise<readonly RelationTuple[]> {
  const keys = objects.map((object) => ({ kind: "object" as const, object }));
  const pages = await database.snapshot((session) =>
    loadPages(session, tenant, keys, { at: revision }),
  );
  const tuples: RelationTuple[] = [];
  for (const { key, tuples: found, partialRelations } of pages) {
    if (partialRelations.length === 0 || key.kind !== "object") {
      tuples.push(...found);
      continue;
    }
    const filter = { objectType: key.object.type, objectId: key.object.id };
    const query = { filter, revision, limit: chunkTuples };
    for await (const chunk of streamTuples(database, tenant, query)) tuples.push(...chunk.tuples);
  }
  return tuples;
}

async function surveyDelegations(
  database: Database,
  tenant: string,
  delegations: readonly ObjectRef[],
): Promise<DelegationSurvey | undefined> {
  const wholes = delegations.map((object) => ({ kind: "object" as const, object }));
  const children = delegations.map(childrenKey);
  const ids = delegations.map(({ id }) => id);
  return await database.snapshot(async (session) => {
    const [head, pages, below, records] = await Promise.all([
      readHeadIn(session, tenant),
      loadPages(session, tenant, wholes),
      loadPages(session, tenant, children),
      readDelegationRecordsIn(session, tenant, ids),
    ]);
    if (pages.some(({ partialRelations }) => partialRelations.length > 0)) return undefined;
    return {
      head,
      tuples: pages.flatMap(({ tuples }) => tuples),
      records: [...records.values()],
      childIds: below.flatMap(({ tuples }) => tuples.map(({ object }) => object.id)),
    };
  });
}

function modelsOf(database: Database): ModelStorage {
  return {
    write: async (tenant, model) => {
      const { modelId, sources, createdBy } = model;
      const parsed = modelToJson(model.model);
      const text = JSON.stringify(sources);
      const createdAtMs = Date.now();
      await storeModel(database, tenant, {
        id: modelId,
        sources: text,
        parsed,
        createdBy,
        createdAtMs,
      });
    },
    read: async (tenant, modelId) => {
      try {
        return keptOf(await readModel(database, tenant, modelId));
      } catch (error) {
        if (error instanceof DomainError && error.code === "model_not_found") return undefined;
        throw error;
      }
    },
    list: async (tenant, { after, limit }) => {
      const last = after === undefined ? undefined : await readModel(database, tenant, after);
      const page = last === undefined ? { limit } : { limit, after: last };
      return (await listModels(database, tenant, page)).map(keptOf);
    },
  };
}

function keptOf(stored: StoredModel): KeptModel {
  const { id, createdBy, createdAtMs } = stored;
  return {
    modelId: id,
    createdBy,
    createdAtMs,
    sources: sourcesOf(JSON.parse(stored.sources)),
    model: modelFromJson(stored.parsed),
  };
}

/** Our own text, written by `write` above. */
function sourcesOf(value: Json): readonly ModelSource[] {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- stored by this very module
  return value as unknown as readonly ModelSource[];
}

function tenantsOf(database: Database): TenantStorage {
  return {
    create: async (tenant) => {
      const { createdAtMs } = await createTenant(database, tenant);
      return { ...(await readHead(database, tenant)), createdAtMs };
    },
    list: async (query) => {
      const tenants = await listTenants(database, query);
      return Promise.all(
        tenants.map(async ({ id, createdAtMs }) => ({
          tenant: id,
          createdAtMs,
          head: await readHead(database, id),
        })),
      );
    },
    head: (tenant) => readHead(database, tenant),
    at: async (tenant, revision) => {
      const head = await readHead(database, tenant);
      const past = await database.snapshot((session) => readRevision(session, tenant, revision));
      const { committedAtMs, modelId } = past;
      return modelId === undefined ? { head, committedAtMs } : { head, committedAtMs, modelId };
    },
    revisionAt: async (tenant, instantMs) => {
      if (instantMs > Date.now()) {
        throw new DomainError("malformed", "consistency.at_exact.instant lies in the future", {
          field: "consistency.at_exact.instant",
        });
      }
      const found = await database.snapshot((session) =>
        findRevisionAt(session, tenant, instantMs),
      );
      if (found !== undefined) return found;
      throw new DomainError("revision_expired", "the history that is kept begins later", {
        field: "consistency.at_exact.instant",
      });
    },
    leases: (tenant) => listNodes(database, tenant),
  };
}
