/**
 * What the gateway does with a request of the agent. A method that is in no list is refused: what it
 * would do is not known.
 */
export type Treatment =
  /** Opens the session. */
  | "initialize"
  /** Says nothing about anything: forwarded. */
  | "pass"
  /** The answer is reduced to what the agent may call. */
  | "filter_tools"
  /** Asked as the tool that it names. */
  | "call_tool"
  /** Asked as a tool of the method's own name, as in `tool:<server>/resources/read`. */
  | "call_method"
  | "unknown";

/**
 * Lists of resources and prompts are asked for as well, and come whole or not at all: the graph knows
 * of no relation by which single entries could be left out.
 */
const callMethods: ReadonlySet<string> = new Set([
  "resources/list",
  "resources/templates/list",
  "resources/read",
  "resources/subscribe",
  "resources/unsubscribe",
  "prompts/list",
  "prompts/get",
  "completion/complete",
  "logging/setLevel",
  "tasks/list",
  "tasks/get",
  "tasks/result",
  "tasks/cancel",
]);

export function treatmentOf(method: string): Treatment {
  switch (method) {
    case "initialize":
      return "initialize";
    case "ping":
      return "pass";
    case "tools/list":
      return "filter_tools";
    case "tools/call":
      return "call_tool";
    default:
      return callMethods.has(method) ? "call_method" : "unknown";
  }
}

/** A tool that is called like a method would borrow what was given to the method. */
export function isMethodName(toolName: string): boolean {
  return callMethods.has(toolName);
}

/** Notifications of the agent that reach the server. Others are dropped. */
export const agentNotifications: ReadonlySet<string> = new Set([
  "notifications/initialized",
  "notifications/cancelled",
  "notifications/progress",
  "notifications/roots/list_changed",
]);

/** Notifications of the server that reach the agent. Others are dropped. */
export const serverNotifications: ReadonlySet<string> = new Set([
  "notifications/cancelled",
  "notifications/progress",
  "notifications/message",
  "notifications/resources/updated",
  "notifications/resources/list_changed",
  "notifications/tools/list_changed",
  "notifications/prompts/list_changed",
  "notifications/tasks/status",
  "notifications/elicitation/complete",
]);

/** Requests of the server, and the capability of the client that invites them. */
export const capabilityOfServerRequest: ReadonlyMap<string, string> = new Map([
  ["sampling/createMessage", "sampling"],
  ["elicitation/create", "elicitation"],
  ["roots/list", "roots"],
]);
