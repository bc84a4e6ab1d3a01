import { readFile } from "node:fs/promises";
import { parse } from "yaml";
import { DomainError } from "../core/error.ts";
import { parseSubjectIssuer } from "../identity/parse-issuers.ts";
import type { ObjectRef } from "./authorization.ts";
import { ConfigError, readSection, type Section } from "./config-section.ts";
import { normalizePath } from "./file-path.ts";
import type {
  GatewayConfig,
  IdentityConfig,
  LimitsConfig,
  ListenConfig,
  SessionConfig,
  TokenConfig,
  UpstreamConfig,
} from "./gateway-config.ts";
import { parseJsonPath, type JsonPath } from "./json-path.ts";
import type { AccessMapping, FileTree, ToolMapping } from "./tool-mapping.ts";

const loopbackHosts: readonly string[] = ["127.0.0.1", "localhost", "::1", "[::1]"];
const serverRequestMethods: readonly string[] = [
  "sampling/createMessage",
  "elicitation/create",
  "roots/list",
];
const namePattern = /^[A-Za-z][A-Za-z0-9_-]{0,63}$/;

export async function readGatewayConfig(file: string): Promise<GatewayConfig> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (cause) {
    throw new ConfigError(file, `cannot be read: ${messageOf(cause)}`);
  }
  return parseGatewayConfig(text);
}

/** Takes YAML, and so JSON. Throws a `ConfigError` that names the entry. */
export function parseGatewayConfig(text: string): GatewayConfig {
  const root = readSection(parseYaml(text), "", [
    "server",
    "service",
    "upstream",
    "listen",
    "identity",
    "token",
    "session",
    "files",
    "tools",
    "server_requests",
    "limits",
  ]);
  const service = root.section("service", [
    "address",
    "tenant",
    "deadline_ms",
    "partial_chain",
    "forward_token",
  ]);
  const listen = parseListen(root);
  const identity = parseIdentity(root, listen);
  const tools = root.sectionMap("tools", ["accesses", "arguments", "context"]);
  return {
    server: parseServer(root),
    service: {
      address: service.optionalText("address") ?? "127.0.0.1:7450",
      tenant: service.optionalText("tenant") ?? "",
      deadlineMs: service.whole("deadline_ms", 2_000, 1, 60_000),
      partialChain: service.flag("partial_chain", false),
      forwardToken: parseForwardToken(service, identity),
    },
    upstream: parseUpstream(root),
    listen,
    identity,
    session: parseSession(root, identity, listen),
    files: parseFiles(root),
    tools: new Map([...tools].map(([name, tool]) => [name, parseTool(tool)])),
    serverRequests: parseServerRequests(root),
    limits: parseLimits(root),
  };
}

function parseYaml(text: string): unknown {
  try {
    return parse(text, { uniqueKeys: true, maxAliasCount: 0 });
  } catch (cause) {
    const [firstLine] = messageOf(cause).split("\n");
    throw new ConfigError("the configuration", `is not YAML: ${firstLine}`);
  }
}

function parseServer(root: Section): string {
  const server = root.text("server");
  // `a/b` with the tool `c` would be the same object as `a` with the tool `b/c`.
  if (/[/\p{Cc}*]/u.test(server) || Buffer.byteLength(server) > 128) {
    throw new ConfigError(
      "server",
      "must be at most 128 bytes without /, * and control characters",
    );
  }
  return server;
}

function parseUpstream(root: Section): UpstreamConfig {
  const upstream = root.section("upstream", ["command", "args", "env", "cwd", "url", "headers"]);
  if (upstream.has("command") === upstream.has("url")) {
    throw new ConfigError("upstream", "must have either a command or a url");
  }
  if (upstream.has("url")) {
    const url = parseUrl(upstream, "url");
    return { kind: "http", url, headers: upstream.textMap("headers") };
  }
  const cwd = upstream.optionalText("cwd");
  return {
    kind: "stdio",
    command: upstream.text("command"),
    args: upstream.texts("args"),
    env: upstream.textMap("env"),
    ...(cwd === undefined ? {} : { cwd }),
  };
}

function parseListen(root: Section): ListenConfig {
  if (!root.has("listen")) return { kind: "stdio" };
  const listen = root.section("listen", [
    "host",
    "port",
    "path",
    "allowed_origins",
    "allowed_hosts",
  ]);
  const path = listen.optionalText("path") ?? "/mcp";
  if (!path.startsWith("/")) throw new ConfigError("listen.path", "must begin with /");
  return {
    kind: "http",
    host: listen.optionalText("host") ?? "127.0.0.1",
    port: listen.whole("port", 7452, 0, 65_535),
    path,
    allowedOrigins: listen.texts("allowed_origins"),
    allowedHosts: listen.texts("allowed_hosts"),
  };
}

function parseIdentity(root: Section, listen: ListenConfig): IdentityConfig {
  if (root.has("identity") === root.has("token")) {
    throw new ConfigError("identity", "must be given where token is not, and only there");
  }
  if (root.has("token")) {
    if (listen.kind === "stdio")
      throw new ConfigError("token", "needs listen: stdio has no headers");
    return { kind: "token", token: parseToken(root) };
  }
  if (listen.kind === "http" && !loopbackHosts.includes(listen.host)) {
    throw new ConfigError(
      "listen.host",
      "must be a loopback address with a fixed identity: whoever connects would be that agent",
    );
  }
  const identity = root.section("identity", ["principal", "actors"]);
  const actors = identity.texts("actors");
  if (actors.length < 1 || actors.length > 8) {
    throw new ConfigError(
      "identity.actors",
      "must be 1 to 8 objects, the caller of the tools last",
    );
  }
  return {
    kind: "fixed",
    identity: {
      principal: parseObject(identity.text("principal"), "identity.principal"),
      actors: actors.map((actor, index) => parseObject(actor, `identity.actors[${index}]`)),
    },
  };
}

function parseToken(root: Section): TokenConfig {
  const { resource_url: resource, ...issuer } = root.entries("token");
  // Whoever is let in here consents to nothing.
  if (issuer["consent"] !== undefined) throw new ConfigError("token.consent", "is unknown");
  return {
    from: parseIssuer(issuer),
    resource:
      resource === undefined
        ? undefined
        : parseUrl(
            readSection({ resource_url: resource }, "token", ["resource_url"]),
            "resource_url",
          ),
  };
}

/** Paths in it are relative to the working directory. */
function parseIssuer(entries: object): TokenConfig["from"] {
  try {
    return parseSubjectIssuer(entries, "token", ".");
  } catch (cause) {
    if (!(cause instanceof DomainError)) throw cause;
    const { field = "token" } = cause.facts;
    throw new ConfigError(field, cause.message.replace(`${field} `, ""));
  }
}

function parseForwardToken(service: Section, identity: IdentityConfig): boolean {
  const forward = service.flag("forward_token", false);
  if (forward && identity.kind === "fixed") {
    throw new ConfigError("service.forward_token", "needs token: there is none to send");
  }
  return forward;
}

function parseSession(
  root: Section,
  identity: IdentityConfig,
  listen: ListenConfig,
): SessionConfig {
  if (!root.has("session")) return { kind: "none" };
  const session = root.section("session", ["object", "from", "claim", "type"]);
  const object = session.optionalText("object");
  if (object !== undefined) {
    return { kind: "fixed", session: parseObject(object, "session.object") };
  }
  const type = parseName(session.optionalText("type") ?? "session", "session.type");
  const claim = session.optionalText("claim");
  if (claim !== undefined) {
    if (identity.kind === "fixed") throw new ConfigError("session.claim", "needs token");
    return { kind: "claim", claim, type };
  }
  if (session.text("from") !== "mcp" || listen.kind === "stdio") {
    throw new ConfigError("session.from", "must be mcp, and needs listen: stdio has no session id");
  }
  return { kind: "mcp", type };
}

function parseFiles(root: Section): FileTree {
  const files = root.section("files", ["root", "base", "folder_type", "relation", "resolve_links"]);
  const base = files.optionalText("base");
  return {
    root: parsePath(files.optionalText("root") ?? "/", "files.root"),
    ...(base === undefined ? {} : { base: parsePath(base, "files.base") }),
    folderType: parseName(files.optionalText("folder_type") ?? "folder", "files.folder_type"),
    relation: parseName(files.optionalText("relation") ?? "parent", "files.relation"),
    resolveLinks: files.flag("resolve_links", false),
  };
}

function parseTool(tool: Section): ToolMapping {
  const context = tool.textMap("context");
  return {
    accesses: tool
      .sections("accesses", ["path", "type", "role", "permission", "kind", "id", "required"])
      .map(parseAccess),
    otherArguments: tool.has("arguments") ? new Set(tool.texts("arguments")) : undefined,
    context: new Map(
      [...context].map(([name, path]) => [
        name,
        parseSelector(path, `${tool.path}.context.${name}`),
      ]),
    ),
  };
}

function parseAccess(access: Section): AccessMapping {
  const pathText = access.text("path");
  const role = access.optionalText("role");
  const permission = access.optionalText("permission");
  const id = access.optionalText("id") ?? "{}";
  if (id.split("{}").length !== 2) {
    throw new ConfigError(`${access.path}.id`, "must contain {} once, where the value goes");
  }
  return {
    path: parseSelector(pathText, `${access.path}.path`),
    pathText,
    type: parseName(access.text("type"), `${access.path}.type`),
    ...(role === undefined ? {} : { role: parseName(role, `${access.path}.role`) }),
    ...(permission === undefined
      ? {}
      : { permission: parseName(permission, `${access.path}.permission`) }),
    kind: parseKind(access),
    id,
    required: access.flag("required", true),
  };
}

function parseKind(access: Section): AccessMapping["kind"] {
  const kind = access.optionalText("kind") ?? "id";
  if (kind === "id" || kind === "path" || kind === "file_uri") return kind;
  throw new ConfigError(`${access.path}.kind`, "must be id, path or file_uri");
}

function parseServerRequests(root: Section): ReadonlySet<string> {
  const methods = root.texts("server_requests");
  const unknown = methods.findIndex((method) => !serverRequestMethods.includes(method));
  if (unknown >= 0) {
    const known = serverRequestMethods.join(", ");
    throw new ConfigError(`server_requests[${unknown}]`, `must be one of ${known}`);
  }
  return new Set(methods);
}

function parseLimits(root: Section): LimitsConfig {
  const limits = root.section("limits", ["message_bytes", "sessions", "in_flight", "idle_s"]);
  return {
    messageBytesMax: limits.whole("message_bytes", 4_194_304, 1_024, 67_108_864),
    sessionsMax: limits.whole("sessions", 100, 1, 10_000),
    inFlightMax: limits.whole("in_flight", 64, 1, 10_000),
    idleMs: limits.whole("idle_s", 1_800, 1, 86_400) * 1_000,
  };
}

/** Reads `type:id`. The type ends at the first `:`; `%`, `#`, `*` and white space are encoded in the id. */
function parseObject(text: string, path: string): ObjectRef {
  const colon = text.indexOf(":");
  const encoded = text.slice(colon + 1);
  if (colon < 0 || encoded === "" || /[#*\s]/u.test(encoded)) {
    throw new ConfigError(path, "must read type:id, with #, * and white space percent-encoded");
  }
  try {
    return { type: parseName(text.slice(0, colon), path), id: decodeURIComponent(encoded) };
  } catch (cause) {
    if (cause instanceof ConfigError) throw cause;
    throw new ConfigError(path, "has a broken percent-encoding");
  }
}

function parseName(text: string, path: string): string {
  if (namePattern.test(text)) return text;
  throw new ConfigError(path, "must match [A-Za-z][A-Za-z0-9_-]{0,63}");
}

function parseSelector(text: string, path: string): JsonPath {
  try {
    return parseJsonPath(text);
  } catch (cause) {
    throw new ConfigError(path, messageOf(cause));
  }
}

function parsePath(text: string, path: string): string {
  try {
    return normalizePath(text);
  } catch (cause) {
    throw new ConfigError(path, messageOf(cause));
  }
}

function parseUrl(section: Section, name: string): URL {
  const url = URL.parse(section.text(name));
  if (url !== null && (url.protocol === "http:" || url.protocol === "https:")) return url;
  throw new ConfigError(`${section.path}.${name}`, "must be an http or https URL");
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
