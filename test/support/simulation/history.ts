import type { RevisionChange } from "../../../src/core/change.ts";
import { sameObject } from "../../../src/core/object.ts";
import { pageTuplesMax, type LoadedPage, type PageKey } from "../../../src/core/page.ts";
import { parseRevision, type Revision } from "../../../src/core/revision.ts";
import { sameSubject } from "../../../src/core/subject.ts";
import { compareTuples, formatTuple, type RelationTuple } from "../../../src/core/tuple.ts";

type State = ReadonlyMap<string, RelationTuple>;

/** The tuples of one tenant at every revision, by replay: slow, plain, and the truth of the tests. */
export class History {
  readonly #tuplesMax: number;
  readonly #revisions: RevisionChange[] = [];
  readonly #states: State[] = [new Map()];
  readonly #models: string[] = ["m1"];

  constructor(tuplesMax: number = pageTuplesMax) {
    this.#tuplesMax = tuplesMax;
  }

  get head(): Revision {
    return parseRevision(this.#revisions.length);
  }

  /** The model that is active at the revision. */
  modelAt(revision: number): string {
    const modelId = this.#models[revision];
    if (modelId === undefined) throw new Error(`there is no revision ${revision}`);
    return modelId;
  }

  stateAt(revision: number): State {
    const state = this.#states[revision];
    if (state === undefined) throw new Error(`there is no revision ${revision}`);
    return state;
  }

  /** What a commit would be. Deletes of what does not stand are left out; a create of what stands is a touch. */
  next(
    deletes: readonly RelationTuple[],
    creates: readonly RelationTuple[],
    operation = "write_tuples",
    modelId?: string,
  ): RevisionChange {
    const state = this.stateAt(this.head);
    const created = new Map(creates.map((tuple) => [formatTuple(tuple), tuple]));
    const deleted = new Map<string, RelationTuple>();
    for (const tuple of [...deletes, ...created.values()]) {
      const key = formatTuple(tuple);
      const standing = state.get(key);
      if (standing !== undefined) deleted.set(key, standing);
    }
    return {
      revision: parseRevision(this.#revisions.length + 1),
      committedAtMs: 0,
      callerId: "test",
      reason: "",
      operation,
      deleted: [...deleted.values()],
      created: [...created.values()],
      ...(modelId === undefined ? {} : { modelId }),
    };
  }

  /** Commits a revision. */
  commit(
    deletes: readonly RelationTuple[],
    creates: readonly RelationTuple[],
    operation = "write_tuples",
    modelId?: string,
  ): RevisionChange {
    const change = this.next(deletes, creates, operation, modelId);
    const state = new Map(this.stateAt(this.head));
    for (const tuple of change.deleted) state.delete(formatTuple(tuple));
    for (const tuple of change.created) state.set(formatTuple(tuple), tuple);
    this.#models.push(modelId ?? this.modelAt(this.head));
    this.#revisions.push(change);
    this.#states.push(state);
    return change;
  }

  /** Forgets what came after the revision: a failover that lost it. */
  rewind(revision: number): void {
    this.#revisions.length = revision;
    this.#states.length = revision + 1;
    this.#models.length = revision + 1;
  }

  /** The revisions in (after, upTo]. */
  changes(after: number, upTo: number): readonly RevisionChange[] {
    return this.#revisions.slice(after, upTo);
  }

  /** The page as a load at the revision has it. */
  page(key: PageKey, revision: number): LoadedPage {
    const all = [...this.stateAt(revision).values()].toSorted(compareTuples);
    const tuples = all.filter((tuple) => isInPage(key, tuple, all));
    if (key.kind !== "forward" && key.kind !== "object") {
      return { key, tuples, partialRelations: [] };
    }
    const relations = [...new Set(tuples.map((tuple) => tuple.relation))];
    const partialRelations = relations.filter(
      (relation) => tuples.filter((tuple) => tuple.relation === relation).length > this.#tuplesMax,
    );
    const listed = tuples.filter(
      (tuple) =>
        !partialRelations.includes(tuple.relation) ||
        tuple.subject.kind !== "object" ||
        tuple.condition !== undefined,
    );
    return { key, tuples: listed, partialRelations };
  }
}

function isInPage(key: PageKey, tuple: RelationTuple, all: readonly RelationTuple[]): boolean {
  switch (key.kind) {
    case "object":
      return sameObject(tuple.object, key.object);
    case "forward":
      return sameObject(tuple.object, key.object) && tuple.relation === key.relation;
    case "point":
      return (
        sameObject(tuple.object, key.object) &&
        tuple.relation === key.relation &&
        sameSubject(tuple.subject, key.subject)
      );
    case "reverse":
      return (
        tuple.object.type === key.type &&
        tuple.relation === key.relation &&
        sameSubject(tuple.subject, key.subject)
      );
    case "pair":
      return (
        isHalf(tuple, "principal", key.principal) &&
        all.some(
          (other) =>
            sameObject(other.object, tuple.object) && isHalf(other, "delegate", key.delegate),
        )
      );
  }
}

function isHalf(tuple: RelationTuple, relation: string, object: RelationTuple["object"]): boolean {
  return (
    tuple.object.type === "delegation" &&
    tuple.relation === relation &&
    tuple.subject.kind === "object" &&
    sameObject(tuple.subject.object, object)
  );
}
