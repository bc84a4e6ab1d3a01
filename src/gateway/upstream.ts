import { setTimeout as wait } from "node:timers/promises";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import {
  StreamableHTTPClientTransport,
  type StreamableHTTPClientTransportOptions,
} from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import type { GatewayConfig } from "./gateway-config.ts";
import { createLimitedFetch } from "./limited-fetch.ts";

const farewellMs = 2_000;

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
      return connectHttp(upstream.url, {
        requestInit: { headers: Object.fromEntries(upstream.headers) },
        fetch: createLimitedFetch(4 * limits.messageBytesMax),
      });
  }
}

/** Its `close` also ends the session at the server, if the server can be told in time. */
function connectHttp(url: URL, options: StreamableHTTPClientTransportOptions): Transport {
  const transport = new StreamableHTTPClientTransport(url, options);
  const close = transport.close.bind(transport);
  transport.close = async () => {
    const told = transport.terminateSession().catch(() => undefined);
    await Promise.race([told, wait(farewellMs, undefined, { ref: false })]);
    await close();
  };
  return transport;
}
