import type { Bias } from "./mishap.ts";

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

/** A failover undoes a kill, and whoever was killed has heard of neither. */
export const undoneKills: Bias = {
  mishaps: ["cut", "cut_requests", "undo_kill"],
  hindered: { statement: "poll", direction: "requests", byMs: 2000 },
};

/** The former primary runs on, with commits that no standby has, and nodes still ask it. */
export const twoPrimaries: Bias = {
  mishaps: ["split_brain", "split_brain", "restart"],
  hindered: { statement: "subscribe", direction: "replies", byMs: 2000 },
};

/** Somebody cancels what waits for the standby, on a primary that has none. */
export const cancelledWaits: Bias = { mishaps: ["split_brain", "cancel_waits", "cut"] };
