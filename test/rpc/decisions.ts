import type { Decision } from "../../src/core/decision.ts";
import { parseRevision, parseTimeline } from "../../src/core/revision.ts";

export const allowed: Decision = {
  id: "decision-1",
  verdict: { kind: "allowed", delegationIds: ["d1", "d2"], validUntilMs: 1_900_000_000_123 },
  tenant: "default",
  timeline: parseTimeline("00000001"),
  revision: parseRevision(7),
  modelId: "m1",
};

export const denied: Decision = {
  ...allowed,
  id: "decision-2",
  verdict: {
    kind: "denied",
    reason: "context_missing",
    missingNames: ["amount"],
    delegationIds: ["d1"],
    detail: "delegation `d1` asks for `amount`",
  },
};
