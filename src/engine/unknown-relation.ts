import type { Name } from "../core/object.ts";
import type { Plan } from "./plan.ts";
import type { EngineError } from "./view.ts";

/** Why a question about a relation that the model does not have is refused: the type or the relation. */
export function unknownRelation({ model }: Plan, type: Name, relation: Name): EngineError {
  if (!model.types.has(type)) {
    return { kind: "error", code: "unknown_type", detail: `the model has no type \`${type}\`` };
  }
  const detail = `the model has no relation \`${relation}\` on type \`${type}\``;
  return { kind: "error", code: "unknown_relation", detail };
}
