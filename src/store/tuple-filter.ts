import type { TupleFilter } from "../core/tuple.ts";
import { keyColumns } from "./tuple-row.ts";

/** A filter as conditions on columns; the values go where the numbers say. */
export interface FilterConditions {
  readonly conditions: readonly string[];
  readonly values: readonly string[];
  /** Names the form of the filter: the same for filters with the same conditions. */
  readonly mask: string;
  /**
   * Placed behind the conditions of a sub-select, it keeps PostgreSQL from walking the whole tenant in
   * canonical order in the hope of soon meeting a subject that has an index of its own.
   */
  readonly fence: "" | " offset 0";
}

const fields = [
  "objectType",
  "objectId",
  "relation",
  "subjectType",
  "subjectId",
  "subjectRelation",
] as const;

/** Numbers the parameters from `first`. What is absent becomes no condition, so that an index serves the rest. */
export function filterConditions(filter: TupleFilter, first: number): FilterConditions {
  const conditions: string[] = [];
  const values: string[] = [];
  let mask = "";
  for (const [index, field] of fields.entries()) {
    const value = filter[field];
    mask += value === undefined ? "0" : "1";
    if (value === undefined) continue;
    conditions.push(`${keyColumns[index]} = $${first + values.length}`);
    values.push(value);
  }
  const bySubject = filter.subjectId !== undefined && filter.objectId === undefined;
  return { conditions, values, mask, fence: bySubject ? " offset 0" : "" };
}
