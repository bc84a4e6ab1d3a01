import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import type { GatewayConfig } from "./gateway-config.ts";

/**
 * A connection to the server behind the gateway, not started yet. A spawned server gets the few
 * variables of the environment that the SDK holds to be harmless, and those of the configuration.
 */
export function connectUpstream(config: Pick<GatewayConfig, "upstream" | "limits">): Transport {
  const { upstream, limits } = config;
  switch (upstream.kind) {
    case "stdio":
      return new StdioClientTransport({
        command: upstream.command,
        args: [...upstream.args],
        env: Object.fromEntries(upstream.env),
        ...(upstream.cwd === undefined ? {} : { cwd: upstream.cwd }),
        maxBufferSize: 4 * limits.messageBytesMax,
      });
    case "http":
      return new StreamableHTTPClientTransport(upstream.url, {
        requestInit: { headers: Object.fromEntries(upstream.headers) },
      });
  }
}
