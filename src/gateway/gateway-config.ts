import type { SubjectIssuer } from "../identity/issuer.ts";
import type { Identity, ObjectRef } from "./authorization.ts";
import type { FileTree, ToolMapping } from "./tool-mapping.ts";

/** Everything that a gateway is told. */
export interface GatewayConfig {
  /** Id of the `mcp_server` in the graph; its tools are `tool:<server>/<name>`. */
  readonly server: string;
  readonly service: {
    readonly address: string;
    readonly tenant: string;
    readonly deadlineMs: number;
    /**
     * Where an agent comes without a chain, take any chain of delegations that ends at it. For tokens
     * that do not say through whom an agent was reached: who is in between then goes unchecked.
     */
    readonly partialChain: boolean;
    /** Send the agent's token in place of the names in it: the service reads it by itself. */
    readonly forwardToken: boolean;
  };
  readonly upstream: UpstreamConfig;
  readonly listen: ListenConfig;
  readonly identity: IdentityConfig;
  readonly session: SessionConfig;
  readonly files: FileTree;
  readonly tools: ReadonlyMap<string, ToolMapping>;
  /** Requests of the server behind the gateway that may reach the agent. */
  readonly serverRequests: ReadonlySet<string>;
  readonly limits: LimitsConfig;
}

export type UpstreamConfig =
  | {
      readonly kind: "stdio";
      readonly command: string;
      readonly args: readonly string[];
      readonly env: ReadonlyMap<string, string>;
      readonly cwd?: string;
    }
  | { readonly kind: "http"; readonly url: URL; readonly headers: ReadonlyMap<string, string> };

export type ListenConfig =
  | { readonly kind: "stdio" }
  | {
      readonly kind: "http";
      readonly host: string;
      readonly port: number;
      readonly path: string;
      readonly allowedOrigins: readonly string[];
      readonly allowedHosts: readonly string[];
    };

/** Who is at the other end: always the same, or whom the bearer token names. */
export type IdentityConfig =
  | { readonly kind: "fixed"; readonly identity: Identity }
  | { readonly kind: "token"; readonly token: TokenConfig };

export interface TokenConfig {
  readonly from: SubjectIssuer;
  /** How agents know this gateway; where given, they are told by whom to be authorized. */
  readonly resource: URL | undefined;
}

/** Where the session of a call comes from. */
export type SessionConfig =
  | { readonly kind: "none" }
  | { readonly kind: "fixed"; readonly session: ObjectRef }
  /** The id of the MCP session becomes the id of the object. */
  | { readonly kind: "mcp"; readonly type: string }
  | { readonly kind: "claim"; readonly claim: string; readonly type: string };

export interface LimitsConfig {
  readonly messageBytesMax: number;
  readonly sessionsMax: number;
  readonly inFlightMax: number;
  readonly idleMs: number;
}
