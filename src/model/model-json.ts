import type { AuthorizationModel } from "./authorization-model.ts";
import { checkModel } from "./check-model.ts";
import type { ParameterType } from "./condition.ts";
import { modelRejected } from "./finding.ts";
import type { SourceModel, SourceRestriction, SourceRewrite } from "./source-model.ts";

interface ModelJson {
  readonly format: 1;
  readonly schemaVersion: string;
  readonly types: readonly {
    readonly name: string;
    readonly relations: readonly {
      readonly name: string;
      readonly rewrite: SourceRewrite;
      readonly restrictions: readonly SourceRestriction[];
    }[];
  }[];
  readonly conditions: readonly {
    readonly name: string;
    readonly parameters: readonly { readonly name: string; readonly type: ParameterType }[];
    readonly expression: string;
  }[];
}

/** The model as data, so that a node that loads it need not read the language again. */
export function modelToJson(model: AuthorizationModel): string {
  const json: ModelJson = {
    format: 1,
    schemaVersion: model.schemaVersion,
    types: [...model.types.values()].map(({ name, relations }) => ({
      name,
      relations: [...relations.values()],
    })),
    conditions: [...model.conditions.values()].map(({ name, parameters, expression }) => ({
      name,
      parameters: [...parameters].map(([parameter, type]) => ({ name: parameter, type })),
      expression,
    })),
  };
  return JSON.stringify(json);
}

/**
 * Inverse of `modelToJson`, for its text alone. The model is checked again: a later version may
 * refuse what an earlier one let through, and then fails with `model_rejected`. What was left to who
 * wrote it was chosen then. `stepsMax` is what one evaluation of a condition may cost.
 */
export function modelFromJson(text: string, stepsMax?: number): AuthorizationModel {
  const json: ModelJson = JSON.parse(text);
  const checked = checkModel(sourceOf(json), stepsMax, { allowsOwnAbsence: true });
  if (checked.kind === "refused") throw modelRejected(checked.findings);
  return checked.model;
}

function sourceOf({ schemaVersion, types, conditions }: ModelJson): SourceModel {
  const position = { line: 1, column: 1 };
  return {
    schemaVersion,
    types: types.map(({ name, relations }) => ({
      name,
      relations: relations.map((relation) => ({ ...relation, position })),
      extending: false,
      position,
    })),
    conditions: conditions.map((condition) => ({ ...condition, position })),
  };
}
