import { pino } from "pino";
import { stringify } from "yaml";
import type {
  Authorization,
  Decision,
  Identity,
  ToolCall,
} from "../../../src/gateway/authorization.ts";
import { startGateway } from "../../../src/gateway/gateway.ts";
import { parseGatewayConfig } from "../../../src/gateway/parse-gateway-config.ts";

/** A gateway on Streamable HTTP that asks a rule of the test. */
export interface TestGateway extends AsyncDisposable {
  readonly url: URL;
  readonly asked: { readonly identity: Identity; readonly call: ToolCall }[];
  rule: (call: ToolCall) => Decision | Promise<Decision>;
}

export const allowed: Decision = { kind: "allowed", id: "dec-1", delegationIds: ["d1"] };
export const denied: Decision = {
  kind: "denied",
  id: "dec-2",
  reason: "no_delegation",
  detail: "",
  missingContext: [],
};

export async function openGateway(config: object): Promise<TestGateway> {
  const authorization: Authorization = {
    async check(identity, call) {
      gateway.asked.push({ identity, call });
      return await gateway.rule(call);
    },
    async listTools() {
      return new Set(["echo/echo"]);
    },
    async *watchTools(_, signal) {
      yield {};
      if (!signal.aborted) {
        await new Promise((resolve) => {
          signal.addEventListener("abort", resolve, { once: true });
        });
      }
    },
  };
  const text = stringify({ server: "echo", listen: { port: 0 }, ...config });
  const log = pino({ level: "silent" });
  const listener = await startGateway(parseGatewayConfig(text), authorization, log);
  const gateway: TestGateway = {
    url: listener.url,
    asked: [],
    rule: () => allowed,
    [Symbol.asyncDispose]: () => listener[Symbol.asyncDispose](),
  };
  return gateway;
}
