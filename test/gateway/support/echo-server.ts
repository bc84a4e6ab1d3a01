import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { Server } from "@modelcontextprotocol/sdk/server/index.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import {
  CallToolRequestSchema,
  ListRootsResultSchema,
  ListToolsRequestSchema,
} from "@modelcontextprotocol/sdk/types.js";

/** A real MCP server on Streamable HTTP, made with the SDK. */
export interface EchoServer extends AsyncDisposable {
  readonly url: string;
  /** What tools were called with. */
  readonly calls: unknown[];
  /** What the server got when it asked the agent for its roots. */
  readonly roots: Promise<unknown>[];
  /** Resolves when a session was ended from outside. */
  ended(): Promise<void>;
}

export async function startEchoServer(): Promise<EchoServer> {
  const transports = new Map<string, StreamableHTTPServerTransport>();
  const calls: unknown[] = [];
  const roots: Promise<unknown>[] = [];
  const ended = Promise.withResolvers<void>();
  const server = createServer((request, response) => {
    const id = request.headers["mcp-session-id"];
    const known = typeof id === "string" ? transports.get(id) : undefined;
    const transport = known ?? openTransport();
    void transport.handleRequest(request, response);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new TypeError("no port");
  return {
    url: `http://127.0.0.1:${address.port}/`,
    calls,
    roots,
    ended: () => ended.promise,
    async [Symbol.asyncDispose]() {
      await Promise.all([...transports.values()].map((transport) => transport.close()));
      server.close();
      server.closeAllConnections();
    },
  };

  function openTransport(): StreamableHTTPServerTransport {
    const transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (id) => void transports.set(id, transport),
      onsessionclosed: () => ended.resolve(),
    });
    void createEcho().connect(transport);
    return transport;
  }

  function createEcho(): Server {
    const echo = new Server({ name: "echo", version: "1" }, { capabilities: { tools: {} } });
    const inputSchema = { type: "object" as const };
    echo.setRequestHandler(ListToolsRequestSchema, () => ({
      tools: ["echo", "ask_roots"].map((name) => ({ name, inputSchema })),
    }));
    echo.setRequestHandler(CallToolRequestSchema, async ({ params }, extra) => {
      if (params.name === "ask_roots") {
        const answer = extra.sendRequest({ method: "roots/list" }, ListRootsResultSchema);
        roots.push(answer.catch((error: unknown) => error));
        await roots.at(-1);
        return { content: [] };
      }
      const text = String(params.arguments?.["text"]);
      calls.push(text);
      const progressToken = params._meta?.progressToken;
      if (progressToken !== undefined) {
        await extra.sendNotification({
          method: "notifications/progress",
          params: { progressToken, progress: 1 },
        });
      }
      return { content: [{ type: "text", text }] };
    });
    return echo;
  }
}
