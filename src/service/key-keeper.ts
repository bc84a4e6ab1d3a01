import type { Permits } from "../core/caller.ts";
import { DomainError } from "../core/error.ts";
import { parseName, type ObjectRef } from "../core/object.ts";
import { subjectOf } from "../core/subject.ts";
import type { RelationTuple, TupleFilter } from "../core/tuple.ts";
import type { StoredApiKey } from "../store/api-keys.ts";
import type { TupleStep } from "../store/mutation.ts";
import type { ApiKey, ApiKeys, NewApiKey } from "./api-keys.ts";
import { newKeySecret } from "./key-secret.ts";
import type { Draft, Mutator } from "./mutator.ts";
import { pageSizeOf } from "./page-token.ts";
import type { MutationOptions, PageRequest, RequestContext } from "./request.ts";
import type { Storage } from "./storage.ts";
import {
  callerObject,
  callerType,
  deploymentObject,
  holderRelation,
  keyObject,
  systemTenant,
  tenantObject,
} from "./system-graph.ts";

interface Dependencies {
  readonly storage: Storage;
  readonly mutator: Mutator;
  readonly permits: Permits;
  /** `k` and 25 letters and digits, never the same twice. */
  readonly newKeyId: () => string;
  readonly nowMs: () => number;
}

const grantsMax = 4_000;

/** Keeps keys: what they are for in a table, whether they are good as tuples of the system tenant. */
export function createApiKeys(dependencies: Dependencies): ApiKeys {
  return new KeyKeeper(dependencies);
}

class KeyKeeper implements ApiKeys {
  readonly #ports: Dependencies;

  constructor(dependencies: Dependencies) {
    this.#ports = dependencies;
  }

  async create(
    context: RequestContext,
    request: NewApiKey,
    options: MutationOptions,
  ): ReturnType<ApiKeys["create"]> {
    const { storage, mutator, permits, newKeyId, nowMs } = this.#ports;
    const { tenant, caller } = context;
    await permits(caller, "admin", { tenant });
    await storage.tenants.head(tenant);
    const { name, permissions, lifetimeMs } = request;
    const createdAtMs = nowMs();
    const id = newKeyId();
    const { secret, hash: secretHash } = newKeySecret(id);
    const ending = lifetimeMs === undefined ? {} : { expiresAtMs: createdAtMs + lifetimeMs };
    const createdBy = caller.id;
    const stored = { id, tenant, name, permissions, secretHash, createdBy, createdAtMs, ...ending };
    // Until its tuples are written the row is no key.
    await storage.keys.insert(stored);
    const draft = draftOf("create_api_key", grantsOf(stored), false);
    const { result } = await mutator.write<null>(inSystem(context), options, null, () =>
      Promise.resolve({ draft, answer: () => null }),
    );
    return { key: shown(stored, false), secret, result };
  }

  async revoke(
    context: RequestContext,
    keyId: string,
    options: MutationOptions,
  ): ReturnType<ApiKeys["revoke"]> {
    const { storage, mutator, permits } = this.#ports;
    const { tenant, caller } = context;
    await permits(caller, "admin", { tenant });
    const stored = await storage.keys.find(keyId);
    if (stored?.tenant !== tenant) throw notFound(tenant);
    const filter: TupleFilter = { subjectType: callerType, subjectId: callerId(keyId) };
    const steps: readonly TupleStep[] = [
      { kind: "delete", tuple: holderOf(keyId) },
      { kind: "delete_matching", filter, limit: grantsMax },
    ];
    const draft = draftOf("revoke_api_key", steps, true);
    const asked = { revokeApiKey: keyId };
    const { result } = await mutator.write<null>(inSystem(context), options, asked, () =>
      Promise.resolve({ draft, answer: () => null }),
    );
    return { key: shown(stored, true), result };
  }

  async list(context: RequestContext, page: PageRequest): ReturnType<ApiKeys["list"]> {
    const { storage, permits } = this.#ports;
    const { tenant } = context;
    await permits(context.caller, "admin", { tenant });
    const size = pageSizeOf(page);
    const after = page.pageToken === "" ? {} : { after: page.pageToken };
    const kept = await storage.keys.list(tenant, { ...after, limit: size + 1 });
    const some = kept.slice(0, size);
    const good = await this.#held(some.map(({ id }) => keyObject(id)));
    const items = some.map((key) => shown(key, !good.has(key.id) && !this.#isOver(key)));
    const last = items.at(-1);
    if (kept.length <= size || last === undefined) return { items };
    return { items, nextPageToken: last.id };
  }

  /** Ids of the keys that still have their holder. */
  async #held(keys: readonly ObjectRef[]): Promise<ReadonlySet<string>> {
    const { storage } = this.#ports;
    const { revision } = await storage.tenants.head(systemTenant);
    const tuples = await storage.tuples.readObjects(systemTenant, revision, keys);
    return new Set(tuples.map(({ object }) => object.id));
  }

  /** An expired key's tuples are swept away at some time, and it was not revoked all the same. */
  #isOver({ expiresAtMs }: StoredApiKey): boolean {
    return expiresAtMs !== undefined && expiresAtMs <= this.#ports.nowMs();
  }
}

/** The caller that a key stands for. */
export function callerId(keyId: string): string {
  return `key:${keyId}`;
}

function grantsOf({ id, tenant, permissions, expiresAtMs }: StoredApiKey): readonly TupleStep[] {
  const object = tenant === systemTenant ? deploymentObject : tenantObject(tenant);
  const granted = permissions.map((permission): RelationTuple => ({
    object,
    relation: parseName(permission, "permission"),
    subject: subjectOf(callerObject(callerId(id))),
  }));
  return [holderOf(id), ...granted].map((tuple) => ({
    kind: "create",
    tuple: expiresAtMs === undefined ? tuple : { ...tuple, expiresAtMs },
  }));
}

function holderOf(keyId: string): RelationTuple {
  const subject = subjectOf(callerObject(callerId(keyId)));
  return { object: keyObject(keyId), relation: holderRelation, subject };
}

function draftOf(operation: string, steps: readonly TupleStep[], urgent: boolean): Draft {
  return { operation, steps, preconditions: [], records: [], urgent };
}

function inSystem(context: RequestContext): RequestContext {
  const { caller, deadlineMs, signal } = context;
  const deadline = deadlineMs === undefined ? {} : { deadlineMs };
  return { caller, signal, tenant: systemTenant, ...deadline };
}

function shown(stored: StoredApiKey, revoked: boolean): ApiKey {
  const { id, name, permissions, createdAtMs, expiresAtMs } = stored;
  const ending = expiresAtMs === undefined ? {} : { expiresAtMs };
  return { id, name, permissions, createdAtMs, revoked, ...ending };
}

function notFound(tenant: string): DomainError {
  return new DomainError("key_not_found", `tenant \`${tenant}\` has no such key`, {
    field: "key_id",
  });
}
