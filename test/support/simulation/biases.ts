import type { Bias } from "./world.ts";

/** Nodes lose their leases, keep their pages, and are slow to subscribe under the next one. */
export const lateSubscriptions: Bias = {
  mishaps: ["pause", "cut"],
  hindered: { statement: "subscribe", direction: "requests", byMs: 600 },
};

/** Copies of registrations arrive long after the lease was killed. */
export const lateRegistrations: Bias = {
  mishaps: ["cut_requests"],
  hindered: { statement: "register", direction: "requests", byMs: 5000 },
};

/** Replies to renewals come late, to nodes that answered nothing meanwhile. */
export const lateRenewals: Bias = { mishaps: ["cut_replies", "pause"] };

/** Nodes fall behind what is kept of the history. */
export const shortHistory: Bias = { mishaps: ["pause", "truncate", "cut_replies"] };

/** A node is started again while its old process still answers. */
export const restarts: Bias = { mishaps: ["restart", "cut", "pause"] };

/** Failovers lose what was not durable, and nodes learn of them late. */
export const lostStandby: Bias = {
  mishaps: ["lose_standby", "lose_standby", "cut", "cut_replies", "restart"],
  hindered: { statement: "poll", direction: "replies", byMs: 600 },
};
