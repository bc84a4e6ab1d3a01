import type { Json, JsonObject } from "../core/json.ts";
import { numberOf, textOf, textsOf, type ReadRow } from "./log-row.ts";
import type { RevisionFacts } from "./revision-digest.ts";

/** Of the Open Cybersecurity Schema Framework. */
export const ocsfVersion = "1.6.0";

const informational = 1;
const other = 99;
const product = { name: "Prokura", vendor_name: "Prokura" };

/** A decision as API Activity (class 6003) with the profile Security Control. */
export function decisionToOcsf({ place, atMs, members }: ReadRow): JsonObject {
  const verdict = textOf(members, "verdict");
  const decision = textOf(members, "decision");
  const trace = textOf(members, "trace_id");
  const principal = textOf(members, "principal");
  const tool = textOf(members, "tool");
  const caller = textOf(members, "caller");
  return {
    category_uid: 6,
    class_uid: 6003,
    activity_id: other,
    activity_name: "Authorize",
    type_uid: 600_399,
    severity_id: informational,
    time: atMs,
    duration: Math.round((numberOf(members, "latency_us") ?? 0) / 1_000),
    ...actionOf(verdict),
    status_id: verdict === "error" ? 2 : 1,
    status_detail: textOf(members, "reason"),
    actor: {
      app_uid: textsOf(members, "actors").at(-1) ?? "",
      user: { uid: principal },
      ...(textOf(members, "session") === ""
        ? {}
        : { session: { uid: textOf(members, "session") } }),
    },
    api: { operation: tool, request: { uid: decision }, service: { name: "tool" } },
    src_endpoint: { name: caller },
    resources: resourcesOf(members["accesses"]),
    metadata: {
      version: ocsfVersion,
      product,
      profiles: ["security_control"],
      uid: `${place.chain}/${place.seq}`,
      sequence: place.seq,
      log_name: place.chain,
      tenant_uid: place.tenant,
      ...(trace === "" ? {} : { correlation_uid: trace }),
    },
    unmapped: { ...members },
  };
}

/** A change as Entity Management (class 3004). */
export function changeToOcsf(facts: RevisionFacts): JsonObject {
  const { tenant, revision, committedAtMs, callerId, operation, reason } = facts;
  return {
    category_uid: 3,
    class_uid: 3004,
    activity_id: other,
    activity_name: operation,
    type_uid: 300_499,
    severity_id: informational,
    time: committedAtMs,
    status_id: 1,
    comment: reason,
    actor: { user: { uid: callerId } },
    entity: { name: tenant, type: "tenant", uid: tenant, version: String(revision) },
    metadata: {
      version: ocsfVersion,
      product,
      uid: `changes/${revision}`,
      sequence: revision,
      log_name: "changes",
      tenant_uid: tenant,
    },
    unmapped: { ...facts },
  };
}

/** Allowed, or denied and blocked; of what was not decided the action is unknown. */
function actionOf(verdict: string): JsonObject {
  switch (verdict) {
    case "allowed":
      return { action: "Allowed", action_id: 1, disposition: "Allowed", disposition_id: 1 };
    case "denied":
      return { action: "Denied", action_id: 2, disposition: "Blocked", disposition_id: 2 };
    default:
      return { action: "Unknown", action_id: 0, disposition: "Unknown", disposition_id: 0 };
  }
}

function resourcesOf(accesses: Json | undefined): Json {
  if (!Array.isArray(accesses)) return [];
  return accesses.map((access): Json => {
    const uid =
      typeof access === "object" && access !== null && "resource" in access
        ? String(access["resource"])
        : "";
    return { uid, type: uid.slice(0, Math.max(0, uid.indexOf(":"))) };
  });
}
