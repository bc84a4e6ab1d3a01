import { DomainError } from "../core/error.ts";
import { toolType } from "../core/delegation.ts";
import { parsePermission, type RequiredRelation } from "../model/permission.ts";
import type { RelationPlan } from "./plan.ts";

/** A permission as it is required, bound to a plan. */
export type RequiredPermission =
  | { readonly kind: "none" }
  | {
      readonly kind: "relation";
      readonly required: RequiredRelation;
      /** Absent where the model does not have it. */
      readonly relation: RelationPlan | undefined;
      /** True where it is asked of the tool itself or its server, and no access brings it. */
      readonly isOwn: boolean;
    }
  | { readonly kind: "malformed" };

const keptMax = 4_096;

/**
 * Reads the ids of required permissions under one model. They are few and come with every call, so
 * what was read is kept; what is read does not depend on it.
 */
export class RequiredPermissions {
  readonly #findRelation: (type: string, relation: string) => RelationPlan | undefined;
  readonly #serverTypes: ReadonlySet<string>;
  readonly #read = new Map<string, RequiredPermission>();

  constructor(
    findRelation: (type: string, relation: string) => RelationPlan | undefined,
    serverTypes: ReadonlySet<string>,
  ) {
    this.#findRelation = findRelation;
    this.#serverTypes = serverTypes;
  }

  read(id: string): RequiredPermission {
    const known = this.#read.get(id);
    if (known !== undefined) return known;
    const permission = this.#parse(id);
    if (this.#read.size >= keptMax) this.#read.clear();
    this.#read.set(id, permission);
    return permission;
  }

  #parse(id: string): RequiredPermission {
    try {
      const required = parsePermission(id, "permission");
      if (required.kind === "none") return required;
      const { type, relation, role } = required;
      const isOwn = role === undefined && (type === toolType || this.#serverTypes.has(type));
      return { kind: "relation", required, relation: this.#findRelation(type, relation), isOwn };
    } catch (error) {
      if (!(error instanceof DomainError)) throw error;
      return { kind: "malformed" };
    }
  }
}
