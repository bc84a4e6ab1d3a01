import assert from "node:assert/strict";
import type { Caller, Permission, Permits, Scope } from "../core/caller.ts";
import { DomainError } from "../core/error.ts";
import { formatObject, type ObjectRef } from "../core/object.ts";
import type { PageKey } from "../core/page.ts";
import { subjectOf } from "../core/subject.ts";
import { checkRelation } from "../engine/check.ts";
import type { Evaluated } from "../engine/graph.ts";
import type { EngineLimits } from "../engine/limits.ts";
import type { Replica, Snapshot } from "../replica/replica.ts";
import type { OnBreakGlass } from "./break-glass.ts";
import { errorOf } from "./evaluator.ts";
import { serversOf } from "./servers-of.ts";
import {
  callerObject,
  deploymentObject,
  holderRelation,
  keyObject,
  permissionRelation,
  scopedObject,
  systemTenant,
  tenantObject,
} from "./system-graph.ts";

interface Dependencies {
  readonly replica: Pick<Replica, "evaluate">;
  readonly limits: EngineLimits;
  readonly nowMs: () => number;
  readonly onBreakGlass: OnBreakGlass;
}

/** What the graph says, and until when it says so. */
type Ruling =
  | { readonly kind: "permitted"; readonly untilMs: number }
  | { readonly kind: "refused" }
  | { readonly kind: "key_ended" };

/** How long a caller waits for the graph that says what it may: then it is not known. */
const waitMaxMs = 5_000;
const rulingsMax = 1_000;

/**
 * Permissions are tuples of the system tenant, decided by the engine on the replica: under its lease,
 * at its revision, and so as immediate as every other decision. What was ruled is kept until that
 * revision moves or an expiry on it comes.
 */
export function createPermits(dependencies: Dependencies): Permits {
  const rulings = new Rulings();
  return (caller, permission, scope) => {
    const { proof } = caller;
    if (scope.tenant === systemTenant) refuseOnSystem(caller, permission);
    switch (proof.kind) {
      case "loopback":
      case "insecure":
      case "process":
        return undefined;
      case "token":
      case "certificate":
        if (proof.validUntilMs <= dependencies.nowMs()) throw ended();
        return settle(dependencies, rulings, caller, permission, scope);
      case "key":
        return settle(dependencies, rulings, caller, permission, scope);
    }
  };
}

/** Its model is the service's own, and nobody acts for anybody there. */
function refuseOnSystem({ proof }: Caller, permission: Permission): void {
  if (proof.kind === "process") return;
  if (permission === "modeller" || permission === "delegator") {
    throw new DomainError("caller_not_permitted", "the tenant `system` keeps its own model");
  }
}

function settle(
  dependencies: Dependencies,
  rulings: Rulings,
  caller: Caller,
  permission: Permission,
  scope: Scope,
): void | Promise<void> {
  const { replica, limits } = dependencies;
  const asked = systemPermission(permission, scope);
  const ruled = replica.evaluate(
    systemTenant,
    (snapshot) => rulings.rule(snapshot, caller, asked, scope.tenant, limits),
    patience,
  );
  const conclude = (ruling: Ruling): void | Promise<void> => {
    if (ruling.kind === "permitted") return undefined;
    if (ruling.kind === "key_ended") throw ended();
    return requireOtherwise(dependencies, rulings, caller, permission, scope);
  };
  return ruled instanceof Promise ? ruled.then(conclude) : conclude(ruled);
}

/** In the system tenant every permission is that of its administrators. */
function systemPermission(permission: Permission, { tenant }: Scope): Permission {
  return tenant === systemTenant ? "admin" : permission;
}

/** What the tenant does not permit, the tool may, or an emergency. */
async function requireOtherwise(
  dependencies: Dependencies,
  rulings: Rulings,
  caller: Caller,
  permission: Permission,
  scope: Scope,
): Promise<void> {
  const { replica, limits, onBreakGlass } = dependencies;
  const { tenant, tool } = scope;
  if (permission === "checker" && tool !== undefined) {
    if (await isScoped(dependencies, caller, tenant, tool)) return;
  }
  const emergency = await replica.evaluate(
    systemTenant,
    (snapshot) => rulings.rule(snapshot, caller, "break_glass", tenant, limits),
    patience,
  );
  if (emergency.kind !== "permitted") throw notPermitted(permission, scope);
  await onBreakGlass({ caller, permission, tenant });
}

/** Whether the caller is a checker of the tool alone, or of its server. */
async function isScoped(
  { replica, limits }: Dependencies,
  caller: Caller,
  tenant: string,
  tool: ObjectRef,
): Promise<boolean> {
  const servers = await replica.evaluate(
    tenant,
    (snapshot) => serversOf(snapshot, tool, limits),
    patience,
  );
  const scopes = [tool, ...servers].flatMap((object) => scopedObject(tenant, object) ?? []);
  const ruling = await replica.evaluate(
    systemTenant,
    (snapshot) => ruleOn(snapshot, caller, "checker", scopes, limits),
    patience,
  );
  return ruling.kind === "permitted";
}

interface LastRuling {
  readonly caller: Caller;
  readonly permission: Permission;
  readonly tenant: string;
  readonly evaluated: Decided;
}

type Decided = Extract<Evaluated<Ruling>, { readonly kind: "decided" }>;

function isGood(ruling: Ruling, latestMs: number): boolean {
  return ruling.kind !== "permitted" || ruling.untilMs > latestMs;
}

/** Rulings of one revision, by caller. A caller is the same value as long as it is remembered. */
class Rulings {
  #timeline = "";
  #revision = -1;
  #byCaller = new WeakMap<Caller, Map<string, Ruling>>();
  #last: LastRuling | undefined;

  rule(
    snapshot: Snapshot,
    caller: Caller,
    permission: Permission,
    tenant: string,
    limits: EngineLimits,
  ): Evaluated<Ruling> {
    const { revision, timeline, now } = snapshot;
    if (revision !== this.#revision || timeline !== this.#timeline) {
      this.#revision = revision;
      this.#timeline = timeline;
      this.#byCaller = new WeakMap();
      this.#last = undefined;
    }
    const last = this.#last;
    // Mostly it is who asked before, for the same.
    const isLast =
      last !== undefined &&
      last.caller === caller &&
      last.permission === permission &&
      last.tenant === tenant;
    if (isLast && isGood(last.evaluated.value, now.latestMs)) return last.evaluated;
    const kept = this.#of(caller);
    const key = `${permission} ${tenant}`;
    const known = kept.get(key);
    if (known !== undefined && isGood(known, now.latestMs)) {
      const evaluated = decided(known);
      this.#last = { caller, permission, tenant, evaluated };
      return evaluated;
    }
    const objects =
      tenant === systemTenant ? [deploymentObject] : [tenantObject(tenant), deploymentObject];
    const ruled = ruleOn(snapshot, caller, permission, objects, limits);
    if (ruled.kind === "decided") {
      if (kept.size >= rulingsMax) kept.clear();
      kept.set(key, ruled.value);
    }
    return ruled;
  }

  #of(caller: Caller): Map<string, Ruling> {
    const known = this.#byCaller.get(caller);
    if (known !== undefined) return known;
    const made = new Map<string, Ruling>();
    this.#byCaller.set(caller, made);
    return made;
  }
}

/** Whether the caller has the relation to any of the objects and, if it is a key, that still stands. */
function ruleOn(
  snapshot: Snapshot,
  { id, proof }: Caller,
  permission: Permission,
  objects: readonly ObjectRef[],
  limits: EngineLimits,
): Evaluated<Ruling> {
  const pages: PageKey[] = [];
  const subject = subjectOf(callerObject(id));
  let keyUntilMs: number | undefined = Number.POSITIVE_INFINITY;
  if (proof.kind === "key") {
    keyUntilMs = memberUntil({ object: keyObject(proof.keyId), relation: holderRelation });
    if (pages.length === 0 && keyUntilMs === undefined) return decided({ kind: "key_ended" });
  }
  const relation = permissionRelation(permission);
  const untils = objects.map((object) => memberUntil({ object, relation }));
  if (pages.length > 0) return { kind: "missing", pages };
  const grantedMs = untils.find((one) => one !== undefined);
  if (grantedMs === undefined || keyUntilMs === undefined) return decided({ kind: "refused" });
  return decided({ kind: "permitted", untilMs: Math.min(grantedMs, keyUntilMs) });

  /** `undefined`: not a member, or not known, and then `pages` says what is missing. */
  function memberUntil(
    userset: Pick<Parameters<typeof checkRelation>[1], "object" | "relation">,
  ): number | undefined {
    const query = { ...userset, subject, context: {}, contextualTuples: [] };
    const evaluated = checkRelation(snapshot, query, limits);
    if (evaluated.kind === "missing") {
      pages.push(...evaluated.pages);
      return undefined;
    }
    const answer = evaluated.value;
    if (answer.kind === "error") throw errorOf(answer);
    assert(answer.kind !== "needs", "the system model has no conditions");
    if (answer.kind === "not_member") return undefined;
    return answer.validUntilMs ?? Number.POSITIVE_INFINITY;
  }
}

function decided(ruling: Ruling): Decided {
  return { kind: "decided", value: ruling };
}

/** Read only where an evaluation has to wait, so that one that need not makes no timer. */
const patience = {
  get signal(): AbortSignal {
    const controller = new AbortController();
    const problem = new DomainError(
      "not_serving",
      "what the caller may do cannot be known now, try again",
    );
    setTimeout(() => controller.abort(problem), waitMaxMs).unref();
    return controller.signal;
  },
};

function ended(): DomainError {
  return new DomainError("unauthenticated", "the credential has ended: it expired or was revoked");
}

function notPermitted(permission: Permission, { tenant, tool }: Scope): DomainError {
  const on = tool === undefined ? "" : ` for \`${formatObject(tool)}\``;
  return new DomainError(
    "caller_not_permitted",
    `the caller is no ${permission.replaceAll("_", " ")} of tenant \`${tenant}\`${on}`,
    { hint: "an administrator grants it with a tuple in the tenant `system`" },
  );
}
