import type { AuthorizationModel } from "./authorization-model.ts";
import { checkModel, type ModelChoices } from "./check-model.ts";
import { modelRejected } from "./finding.ts";
import { importDsl } from "./import-dsl.ts";

/**
 * Reads and checks a whole model in one text, on the caller's thread: for tests, tools and what
 * ships with the product. Fails with `model_rejected`, which names the findings.
 */
export function parseModel(text: string, choices?: ModelChoices): AuthorizationModel {
  const imported = importDsl(text);
  if (imported.kind === "refused") throw modelRejected(imported.findings);
  const checked = checkModel(imported.source, undefined, choices);
  if (checked.kind === "refused") throw modelRejected(checked.findings);
  return checked.model;
}
