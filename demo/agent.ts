import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { McpError, ToolListChangedNotificationSchema } from "@modelcontextprotocol/sdk/types.js";
import type { World } from "./world.ts";

/** An agent with a session at the gateway. */
export interface Agent extends AsyncDisposable {
  readonly name: string;
  call(tool: string, args: Readonly<Record<string, string>>): Promise<Outcome>;
  tools(): Promise<readonly string[]>;
  /** Resolves with the next notification that the tools may have changed. */
  toolsChanged(): Promise<void>;
}

/** How a call went, and what the gateway's log says of it. */
export interface Outcome {
  readonly verdict: "allowed" | "denied" | "error";
  /** The reason, or the chain of delegations. */
  readonly why: string;
  readonly tookUs: number;
  /** What the service alone took, as the gateway saw it. */
  readonly checkUs: number | undefined;
}

export async function connectAgent(world: World, actors: readonly string[]): Promise<Agent> {
  const token = await world.tokenFor(actors);
  const client = new Client({ name: actors.at(-1) ?? "agent", version: "1" });
  const changes = new Set<() => void>();
  client.setNotificationHandler(ToolListChangedNotificationSchema, () => {
    for (const resolve of changes) resolve();
    changes.clear();
  });
  await client.connect(
    new StreamableHTTPClientTransport(world.gatewayUrl, {
      requestInit: { headers: { authorization: `Bearer ${token}` } },
    }),
  );
  return {
    name: actors.join(" → "),
    call: (tool, args) => callTool(world, client, tool, args),
    async tools() {
      const { tools } = await client.listTools();
      return tools.map(({ name }) => name).toSorted();
    },
    toolsChanged: () =>
      new Promise((resolve) => {
        changes.add(resolve);
      }),
    [Symbol.asyncDispose]: () => client.close(),
  };
}

async function callTool(
  { gateway }: World,
  client: Client,
  tool: string,
  args: Readonly<Record<string, string>>,
): Promise<Outcome> {
  const before = gateway.lines.length;
  const startedMs = performance.now();
  const failure = await client.callTool({ name: tool, arguments: args }).then(
    ({ isError, content }) => (isError === true ? new Error(JSON.stringify(content)) : undefined),
    (cause: unknown) => (cause instanceof Error ? cause : new Error(JSON.stringify(cause))),
  );
  const tookUs = Math.round(1_000 * (performance.now() - startedMs));
  const logged = JSON.parse(await gateway.lineAfter(before, isDecision));
  const outcome = { tookUs, checkUs: logged.tookUs };
  if (failure === undefined) {
    return { ...outcome, verdict: "allowed", why: logged.delegations.join(" → ") };
  }
  if (failure instanceof McpError && failure.code === -32_003) {
    return { ...outcome, verdict: "denied", why: logged.reason };
  }
  return { ...outcome, verdict: "error", why: failure.message };
}

function isDecision(line: string): boolean {
  return line.includes('"msg":"decided"') || line.includes('"msg":"refused"');
}
