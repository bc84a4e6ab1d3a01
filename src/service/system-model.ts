import { readFile } from "node:fs/promises";
import type { Storage } from "./storage.ts";
import type { Models } from "./models.ts";
import { systemTenant } from "./system-graph.ts";

const file = new URL("../../schema/models/system.fga", import.meta.url);

/**
 * Has the system tenant judged by the model of this version, or of a later one that stands there:
 * nodes of several versions do not take turns. Nodes that start together may each write it: they write
 * the same.
 */
export async function ensureSystemModel(storage: Storage, models: Models): Promise<void> {
  const text = await readFile(file, "utf8");
  const { modelId } = await storage.tenants.head(systemTenant);
  const active =
    modelId === undefined ? undefined : await storage.models.read(systemTenant, modelId);
  if (active !== undefined && versionOf(active.sources[0]?.text ?? "") >= versionOf(text)) return;
  const context = {
    caller: { id: "start", proof: { kind: "process" as const } },
    tenant: systemTenant,
    signal: new AbortController().signal,
  };
  const sources = [{ name: "model.fga", text }];
  // The barrier is skipped: a node without a lease, as this one may be yet, would wait for itself. What
  // needs the model is a grant that is written later, and that one's barrier covers this revision too.
  const options = { reason: "the model of this version", skipBarrier: true };
  await models.write(context, { sources, activate: true }, options);
}

/** The first had no number. */
function versionOf(text: string): number {
  return Number(/^# version ([0-9]{1,9})$/m.exec(text)?.[1] ?? 1);
}
