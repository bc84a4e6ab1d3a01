import type {
  JSONRPCErrorResponse,
  JSONRPCRequest,
  JSONRPCResultResponse,
} from "@modelcontextprotocol/sdk/types.js";
import type { Logger } from "pino";
import type { Authorization, Decision, Freshness, Identity } from "./authorization.ts";
import type { GatewayConfig } from "./gateway-config.ts";
import { isObject } from "./json.ts";
import { errorResponse, rpcCodes } from "./message.ts";
import { isMethodName } from "./method.ts";
import { Refusal } from "./refusal.ts";
import { argumentsOf, mapCall } from "./tool-mapping.ts";

/** What becomes of a request of the agent. */
export type Ruling =
  | { readonly kind: "forward"; readonly request: JSONRPCRequest }
  | { readonly kind: "answer"; readonly response: JSONRPCErrorResponse };

/** For whom is enforced, and whom to ask. */
export interface Enforcement {
  readonly identity: Identity;
  readonly authorization: Authorization;
  readonly config: Pick<GatewayConfig, "server" | "tools" | "files">;
  readonly log: Logger;
}

/** Rules on `tools/call`. What is forwarded is rebuilt from what was asked about. */
export async function ruleToolCall(
  enforcement: Enforcement,
  request: JSONRPCRequest,
  signal: AbortSignal,
): Promise<Ruling> {
  const name = request.params?.["name"];
  if (!isToolName(name)) {
    return refuse(request, "argument_malformed", "the name of the tool is missing or not plain");
  }
  return await rule(enforcement, request, name, signal, {
    given: request.params?.["arguments"],
    rebuild: (checked) => ({ ...request.params, name, arguments: checked }),
  });
}

/** Rules on any other request that is checked: its parameters are the arguments. */
export async function ruleMethod(
  enforcement: Enforcement,
  request: JSONRPCRequest,
  signal: AbortSignal,
): Promise<Ruling> {
  return await rule(enforcement, request, request.method, signal, {
    given: request.params,
    rebuild: (checked) => ({ ...checked }),
  });
}

/** Answers with an error wherever there is no decision that allows: this is the one place that forwards. */
async function rule(
  { identity, authorization, config, log }: Enforcement,
  request: JSONRPCRequest,
  name: string,
  signal: AbortSignal,
  parameters: {
    readonly given: unknown;
    readonly rebuild: (checked: object) => JSONRPCRequest["params"];
  },
): Promise<Ruling> {
  const tool = { type: "tool", id: `${config.server}/${name}` };
  try {
    const mapped = await mapCall(
      config.tools.get(name),
      argumentsOf(parameters.given),
      config.files,
    );
    const { arguments: checked, ...call } = mapped;
    const askedAtMs = performance.now();
    const decision = await authorization.check(identity, { tool, ...call }, signal);
    logDecision(log, tool.id, decision, performance.now() - askedAtMs);
    if (decision.kind === "denied") return denied(request, decision);
    return { kind: "forward", request: { ...request, params: parameters.rebuild(checked) } };
  } catch (cause) {
    if (cause instanceof Refusal) {
      log.info({ tool: tool.id, reason: cause.reason }, "refused");
      return refuse(request, cause.reason, cause.message);
    }
    log.warn({ tool: tool.id, error: cause }, "no decision");
    return { kind: "answer", response: unavailable(request, cause) };
  }
}

/** Neither arguments nor resources: a log must not become a second place where secrets lie. */
function logDecision(log: Logger, tool: string, decision: Decision, tookMs: number): void {
  const { id, kind } = decision;
  const why =
    kind === "allowed" ? { delegations: decision.delegationIds } : { reason: decision.reason };
  log.info({ tool, decision: kind, id, ...why, tookUs: Math.round(tookMs * 1_000) }, "decided");
}

/**
 * Leaves in an answer of `tools/list` what the agent may call. An answer that is not a list of tools
 * becomes an error: what cannot be read cannot be filtered.
 */
export async function filterTools(
  { identity, authorization, config, log }: Enforcement,
  request: JSONRPCRequest,
  response: JSONRPCResultResponse,
  freshness: Freshness,
  signal: AbortSignal,
): Promise<JSONRPCResultResponse | JSONRPCErrorResponse> {
  try {
    const tools = response.result["tools"];
    if (!Array.isArray(tools)) throw new TypeError("the server sent no list of tools");
    const allowed = await authorization.listTools(identity, freshness, signal);
    const listed = tools.filter(
      (tool) => isObject(tool) && allowed.has(`${config.server}/${String(tool["name"])}`),
    );
    return { ...response, result: { ...response.result, tools: listed } };
  } catch (cause) {
    log.warn({ error: cause }, "tools not listed");
    return unavailable(request, cause);
  }
}

/** No answer, and so no permission. `retriable` says whether the same call may succeed later. */
export function unavailable(request: JSONRPCRequest, cause: unknown): JSONRPCErrorResponse {
  const retriable = !isObject(cause) || cause["retriable"] !== false;
  return errorResponse(
    request.id,
    rpcCodes.unavailable,
    "it could not be decided, so it is not done",
    {
      reason: "unavailable",
      code: isObject(cause) && typeof cause["code"] === "string" ? cause["code"] : "internal",
      retriable,
    },
  );
}

function denied(request: JSONRPCRequest, decision: Decision & { kind: "denied" }): Ruling {
  const { id, reason, detail, missingContext } = decision;
  const message = detail === "" ? `denied: ${reason}` : `denied: ${reason}, ${detail}`;
  const response = errorResponse(request.id, rpcCodes.denied, message, {
    reason,
    decision_id: id,
    missing: missingContext,
  });
  return { kind: "answer", response };
}

function refuse(request: JSONRPCRequest, reason: string, why: string): Ruling {
  const response = errorResponse(request.id, rpcCodes.denied, `denied: ${reason}, ${why}`, {
    reason,
  });
  return { kind: "answer", response };
}

/** As an id takes it, in the form in which it is forwarded, and not one that stands for a method. */
function isToolName(name: unknown): name is string {
  return (
    typeof name === "string" &&
    name.length > 0 &&
    Buffer.byteLength(name) <= 256 &&
    !/[\p{Cc}\p{Cs}]/u.test(name) &&
    name === name.normalize("NFC") &&
    !isMethodName(name)
  );
}
