import { parseName, type ObjectRef } from "../core/object.ts";
import type { Evaluated } from "../engine/graph.ts";
import type { EngineLimits } from "../engine/limits.ts";
import { listSubjects } from "../engine/list-subjects.ts";
import { findRelation } from "../engine/plan.ts";
import type { Snapshot } from "../replica/replica.ts";
import { errorOf } from "./evaluator.ts";

const serverRelation = parseName("server", "relation");
const serverType = parseName("mcp_server", "type");
const serversMax = 16;

/** The servers of a tool that are certain, whatever a context might add. */
export function serversOf(
  snapshot: Snapshot,
  tool: ObjectRef,
  limits: EngineLimits,
): Evaluated<readonly ObjectRef[]> {
  const { plan } = snapshot;
  if (findRelation(plan, tool.type, serverRelation) === undefined) {
    return { kind: "decided", value: [] };
  }
  const query = {
    object: tool,
    relation: serverRelation,
    subjectType: serverType,
    context: {},
    contextualTuples: [],
    limit: serversMax,
  };
  const evaluated = listSubjects(snapshot, query, limits);
  if (evaluated.kind === "missing") return evaluated;
  const answer = evaluated.value;
  if (answer.kind === "error") {
    // A model whose tools have servers of another type: nothing can be granted on those.
    if (answer.code === "unknown_type") return { kind: "decided", value: [] };
    throw errorOf(answer);
  }
  const certain = answer.subjects.filter(({ needs }) => needs.length === 0);
  const servers = certain.flatMap(({ subject }) =>
    subject.kind === "object" ? [subject.object] : [],
  );
  return { kind: "decided", value: servers };
}
