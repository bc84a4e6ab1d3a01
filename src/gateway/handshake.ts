import type { JSONRPCRequest, JSONRPCResultResponse } from "@modelcontextprotocol/sdk/types.js";
import type { GatewayConfig } from "./gateway-config.ts";
import { isObject } from "./json.ts";
import { capabilityOfServerRequest } from "./method.ts";

/**
 * Takes out of `initialize` what the agent offers to the server and the gateway would not pass on.
 * Roots matter most: a file server that is offered roots serves those, whatever it was set to.
 */
export function offeredCapabilities(
  request: JSONRPCRequest,
  config: Pick<GatewayConfig, "serverRequests">,
): JSONRPCRequest {
  const closed = [...capabilityOfServerRequest]
    .filter(([method]) => !config.serverRequests.has(method))
    .map(([, capability]) => capability);
  const offered = request.params?.["capabilities"];
  const capabilities = Object.fromEntries(
    Object.entries(isObject(offered) ? offered : {}).filter(([name]) => !closed.includes(name)),
  );
  return { ...request, params: { ...request.params, capabilities } };
}

/** The gateway itself says when the list of tools may have changed, whatever the server does. */
export function withListChanged(response: JSONRPCResultResponse): JSONRPCResultResponse {
  const { capabilities } = response.result;
  if (!isObject(capabilities) || !isObject(capabilities["tools"])) return response;
  const tools = { ...capabilities["tools"], listChanged: true };
  return { ...response, result: { ...response.result, capabilities: { ...capabilities, tools } } };
}
