import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import { isInitializeRequest, type JSONRPCMessage } from "@modelcontextprotocol/sdk/types.js";
import type { Logger } from "pino";
import type { Identity } from "./authorization.ts";
import type { GatewayConfig, ListenConfig } from "./gateway-config.ts";
import { formatMessageError, MessageError, parseMessage, rpcCodes } from "./message.ts";
import type { Session, SessionParts } from "./session.ts";
import { TokenError, type Authenticated } from "./token.ts";

/** Agents that come by Streamable HTTP, each session with an identity that it keeps. */
export interface HttpListener extends AsyncDisposable {
  readonly url: URL;
}

export interface HttpListenerParts {
  readonly config: GatewayConfig;
  readonly listen: Extract<ListenConfig, { kind: "http" }>;
  readonly authenticate: (authorization: string | undefined) => Promise<Authenticated>;
  readonly openSession: (agent: SessionParts["agent"], identity: Identity) => Session;
  readonly log: Logger;
}

/** One agent's session, and how it is reached. */
interface Reachable {
  readonly session: Session;
  readonly transport: StreamableHTTPServerTransport;
  /** Only a request of the same identity reaches the session. */
  readonly owner: string;
  readonly idle: NodeJS.Timeout;
  /** Responses that are not ended. */
  streams: number;
}

/** Refused by a status, before or because it is no message. */
class HttpRefusal extends Error {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;

  constructor(status: number, error: MessageError, headers: Readonly<Record<string, string>>) {
    super(error.message);
    this.name = "HttpRefusal";
    this.status = status;
    this.headers = headers;
    this.body = formatMessageError(error);
  }
}

export async function listenHttp(parts: HttpListenerParts): Promise<HttpListener> {
  const { listen, log } = parts;
  const sessions = new Map<string, Reachable>();
  const server = createServer((request, response) => {
    serve(parts, sessions, request, response).catch((cause: unknown) => {
      refuse(response, refusalFrom(cause, log));
    });
  });
  server.listen(listen.port, listen.host);
  await once(server, "listening");
  return {
    url: urlOf(server, listen),
    async [Symbol.asyncDispose]() {
      server.close();
      await Promise.all([...sessions.values()].map(({ session }) => session.close()));
      server.closeAllConnections();
    },
  };
}

function urlOf(server: Server, listen: HttpListenerParts["listen"]): URL {
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : listen.port;
  const host = listen.host.includes(":") ? `[${listen.host}]` : listen.host;
  return new URL(`http://${host}:${port}${listen.path}`);
}

async function serve(
  parts: HttpListenerParts,
  sessions: Map<string, Reachable>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  refuseForeignPages(request, parts.listen);
  if (pathOf(request) === metadataPathOf(parts.listen)) {
    sendMetadata(parts, response);
    return;
  }
  refuseUnknown(request, parts.listen);
  const authenticated = await authenticate(parts, request);
  const message = request.method === "POST" ? await readMessage(parts, request) : undefined;
  const reachable = await reach(parts, sessions, request, authenticated, message);
  const { session, transport, idle } = reachable;
  session.renew(authenticated);
  // A session with a stream open, as agents keep one for notifications, is not idle.
  reachable.streams += 1;
  response.once("close", () => {
    reachable.streams -= 1;
    idle.refresh();
  });
  await transport.handleRequest(request, response, message);
}

/** A page in a browser must not reach the gateway, neither by its own name nor by a rebound one. */
function refuseForeignPages(request: IncomingMessage, listen: HttpListenerParts["listen"]): void {
  const { origin, host = "" } = request.headers;
  const name = URL.parse(`http://${host}`)?.hostname ?? "";
  const own = ["127.0.0.1", "localhost", "[::1]", listen.host, ...listen.allowedHosts];
  if (!own.includes(name)) throw refusal(403, "the host is not allowed");
  if (origin !== undefined && !listen.allowedOrigins.includes(origin)) {
    throw refusal(403, "the origin is not allowed");
  }
}

function refuseUnknown(request: IncomingMessage, listen: HttpListenerParts["listen"]): void {
  if (pathOf(request) !== listen.path) throw refusal(404, "there is nothing here");
  if (!["GET", "POST", "DELETE"].includes(request.method ?? "")) {
    throw refusal(405, "the method is not allowed", { Allow: "GET, POST, DELETE" });
  }
}

function pathOf(request: IncomingMessage): string | undefined {
  return URL.parse(request.url ?? "", "http://gateway")?.pathname;
}

function metadataPathOf(listen: HttpListenerParts["listen"]): string {
  return `/.well-known/oauth-protected-resource${listen.path === "/" ? "" : listen.path}`;
}

/** Says by whom an agent is to be authorized (RFC 9728). It is public, like the challenge that names it. */
function sendMetadata({ config }: HttpListenerParts, response: ServerResponse): void {
  const resource = resourceOf(config);
  if (config.identity.kind === "fixed" || resource === undefined) {
    throw refusal(404, "there is nothing here");
  }
  const metadata = {
    resource: resource.href,
    authorization_servers: [config.identity.token.from.issuer],
    bearer_methods_supported: ["header"],
  };
  response.writeHead(200, { "Content-Type": "application/json" }).end(JSON.stringify(metadata));
}

function resourceOf({ identity }: GatewayConfig): URL | undefined {
  return identity.kind === "token" ? identity.token.resource : undefined;
}

async function authenticate(
  parts: HttpListenerParts,
  request: IncomingMessage,
): Promise<Authenticated> {
  try {
    return await parts.authenticate(request.headers.authorization);
  } catch (cause) {
    if (cause instanceof TokenError) {
      const given = request.headers.authorization !== undefined;
      const challenge = challengeOf(parts, given ? cause : undefined);
      throw refusal(401, cause.message, { "WWW-Authenticate": challenge });
    }
    parts.log.warn({ error: cause }, "a token could not be verified");
    throw refusal(503, "the token cannot be verified now", { "Retry-After": "5" });
  }
}

function challengeOf({ config, listen }: HttpListenerParts, error: TokenError | undefined): string {
  const resource = resourceOf(config);
  const parameters = [
    ...(error === undefined
      ? []
      : [`error="invalid_token"`, `error_description="${error.message}"`]),
    ...(resource === undefined
      ? []
      : [`resource_metadata="${new URL(metadataPathOf(listen), resource).href}"`]),
  ];
  return ["Bearer", parameters.join(", ")].join(" ").trim();
}

async function readMessage(
  { config }: HttpListenerParts,
  request: IncomingMessage,
): Promise<JSONRPCMessage> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    if (!Buffer.isBuffer(chunk)) throw new TypeError("the body has an encoding set");
    bytes += chunk.length;
    if (bytes > config.limits.messageBytesMax) {
      throw refusal(413, `a message is over ${config.limits.messageBytesMax} bytes`, {
        Connection: "close",
      });
    }
    chunks.push(chunk);
  }
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(chunks));
  } catch {
    throw refusal(400, "the message is not UTF-8");
  }
  return parseMessage(text);
}

/** The session that the request belongs to, or a new one for `initialize`. */
async function reach(
  parts: HttpListenerParts,
  sessions: Map<string, Reachable>,
  request: IncomingMessage,
  { identity }: Authenticated,
  message: JSONRPCMessage | undefined,
): Promise<Reachable> {
  const id = request.headers["mcp-session-id"];
  const owner = JSON.stringify([identity.principal, identity.actors, identity.session]);
  if (typeof id === "string") {
    const found = sessions.get(id);
    // Whether somebody else has a session of this id is not told.
    if (found === undefined || found.owner !== owner) throw refusal(404, "no such session");
    return found;
  }
  if (!isInitializeRequest(message)) {
    throw refusal(400, "the header Mcp-Session-Id is missing");
  }
  if (sessions.size >= parts.config.limits.sessionsMax) {
    throw refusal(503, "too many sessions are open", { "Retry-After": "60" });
  }
  return await open(parts, sessions, identity, owner);
}

async function open(
  { config, openSession, log }: HttpListenerParts,
  sessions: Map<string, Reachable>,
  identity: Identity,
  owner: string,
): Promise<Reachable> {
  const id = randomUUID();
  const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: () => id });
  const mapped =
    config.session.kind === "mcp" ? { session: { type: config.session.type, id } } : {};
  const session = openSession(transport, { ...identity, ...mapped });
  const idle = setTimeout(() => {
    if (reachable.streams > 0) idle.refresh();
    else void session.close();
  }, config.limits.idleMs).unref();
  const reachable: Reachable = { session, transport, owner, idle, streams: 0 };
  sessions.set(id, reachable);
  session.onclose = () => {
    clearTimeout(idle);
    sessions.delete(id);
  };
  try {
    await session.start();
  } catch (cause) {
    log.error({ error: cause }, "the server behind the gateway cannot be reached");
    await session.close();
    throw refusal(502, "the server behind the gateway cannot be reached");
  }
  return reachable;
}

function refusal(
  status: number,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): HttpRefusal {
  return new HttpRefusal(status, new MessageError(rpcCodes.serverError, message), headers);
}

function refusalFrom(cause: unknown, log: Logger): HttpRefusal {
  if (cause instanceof HttpRefusal) return cause;
  if (cause instanceof MessageError) return new HttpRefusal(400, cause, {});
  log.error({ error: cause }, "a request failed");
  return refusal(500, "internal error");
}

function refuse(response: ServerResponse, { status, headers, body }: HttpRefusal): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  response.writeHead(status, { "Content-Type": "application/json", ...headers });
  response.end(body);
}
