import { readFile } from "node:fs/promises";
import { once } from "node:events";
import { parseArgs } from "node:util";
import type { Logger } from "pino";
import { createClient, type ClientOptions, type ClientTls } from "../client/client.ts";
import { readKeySet } from "../identity/key-set.ts";
import type { Authorization } from "./authorization.ts";
import { ConfigError } from "./config-section.ts";
import type { GatewayConfig } from "./gateway-config.ts";
import { listenHttp, type HttpListener } from "./http-listener.ts";
import { readGatewayConfig } from "./parse-gateway-config.ts";
import { createServiceAuthorization } from "./service-authorization.ts";
import { Session } from "./session.ts";
import { connectStdioAgent } from "./stdio-agent.ts";
import { createTokenReader, TokenError, type Authenticated } from "./token.ts";
import { connectUpstream } from "./upstream.ts";

const logLevels = ["trace", "debug", "info", "warn", "error", "fatal", "silent"];
const logFormats = ["auto", "json", "text"] as const;

const usage = `usage: prokura gateway --config <file> [--check] [--log-level <level>] [--log-format <format>]

Stands between an MCP client and an MCP server, and lets through what Prokura allows.

  --config <file>      the configuration, YAML or JSON
  --check              read the configuration, say what is wrong with it, and end
  --log-level <level>  ${logLevels.join(", ")}; info unless PROKURA_LOG_LEVEL says otherwise
  --log-format <how>   ${logFormats.join(", ")}; auto, text on a terminal and else JSON, unless
                       PROKURA_LOG_FORMAT says otherwise

The log goes to stderr, in the form of the log of \`prokura serve\`.
`;

/** Makes a log that goes to stderr. */
type OpenLog = (level: string, format: "json" | "text") => Logger;

/**
 * Runs until the agent closes its end (stdio) or a signal comes. Returns the exit code: 0 for an end
 * that was asked for, 1 for a failure, 2 for a wrong command line or configuration.
 */
export async function runGateway(argv: readonly string[], openLog: OpenLog): Promise<number> {
  try {
    const options = parseOptions(argv, process.env);
    if (options.help) {
      process.stdout.write(usage);
      return 0;
    }
    const config = await readGatewayConfig(options.config);
    if (options.check) {
      process.stdout.write(`${options.config} is well-formed\n`);
      return 0;
    }
    const log = openLog(options.logLevel, options.logFormat);
    using client = createClient(await connectionOf(config.service.address, process.env));
    await run(config, createServiceAuthorization(client, config.service), log);
    return 0;
  } catch (cause) {
    const usageError = cause instanceof ConfigError || cause instanceof TypeError;
    const message = cause instanceof Error ? cause.message : String(cause);
    process.stderr.write(`prokura gateway: ${message}\n`);
    return usageError ? 2 : 1;
  }
}

/** What the gateway shows of itself is a secret, and stands in no file of its configuration. */
async function connectionOf(
  address: string,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<ClientOptions> {
  const token = environment["PROKURA_TOKEN"] ?? "";
  const tls = await tlsOf(environment);
  return {
    address,
    ...(token === "" ? {} : { token }),
    ...(tls === undefined ? {} : { tls }),
  };
}

/** `undefined`: in the clear. */
async function tlsOf(
  environment: Readonly<Record<string, string | undefined>>,
): Promise<ClientTls | undefined> {
  const authority = environment["PROKURA_TLS_CA"] ?? "";
  const certificate = environment["PROKURA_CLIENT_CERT"] ?? "";
  const key = environment["PROKURA_CLIENT_KEY"] ?? "";
  if ((certificate === "") !== (key === "")) {
    throw new ConfigError("PROKURA_CLIENT_CERT", "and PROKURA_CLIENT_KEY must be given together");
  }
  if (authority === "") {
    if (key !== "") throw new ConfigError("PROKURA_CLIENT_CERT", "needs PROKURA_TLS_CA");
    return undefined;
  }
  return {
    ...(authority === "system" ? {} : { authority: await readFile(authority) }),
    ...(key === ""
      ? {}
      : { own: { certificate: await readFile(certificate), key: await readFile(key) } }),
  };
}

interface Options {
  readonly config: string;
  readonly check: boolean;
  readonly help: boolean;
  readonly logLevel: string;
  readonly logFormat: "json" | "text";
}

function parseOptions(
  argv: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): Options {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      config: { type: "string" },
      check: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
      "log-level": { type: "string", default: environment["PROKURA_LOG_LEVEL"] || "info" },
      "log-format": { type: "string", default: environment["PROKURA_LOG_FORMAT"] || "auto" },
    },
  });
  const { config = "", check, help } = values;
  if (config === "" && !help)
    throw new ConfigError("--config", "is missing, see `prokura gateway --help`");
  const logLevel = values["log-level"];
  if (!logLevels.includes(logLevel)) {
    throw new ConfigError("--log-level", `must be one of ${logLevels.join(", ")}`);
  }
  const logFormat = logFormats.find((known) => known === values["log-format"]);
  if (logFormat === undefined) {
    throw new ConfigError("--log-format", `must be one of ${logFormats.join(", ")}`);
  }
  const onTerminal = process.stderr.isTTY ? "text" : "json";
  return {
    config,
    check,
    help,
    logLevel,
    logFormat: logFormat === "auto" ? onTerminal : logFormat,
  };
}

async function run(
  config: GatewayConfig,
  authorization: Authorization,
  log: Logger,
): Promise<void> {
  const stopping = new AbortController();
  const stop = (): void => stopping.abort();
  process.once("SIGINT", stop).once("SIGTERM", stop);
  try {
    if (config.listen.kind === "stdio") {
      await serveStdio(config, authorization, log, stopping.signal);
      return;
    }
    await using listener = await startGateway(config, authorization, log);
    log.info({ url: listener.url.href, server: config.server }, "listening");
    if (!stopping.signal.aborted) await once(stopping.signal, "abort");
  } finally {
    process.off("SIGINT", stop).off("SIGTERM", stop);
  }
}

/** Serves the one agent at stdin and stdout, until it or the server is gone. */
async function serveStdio(
  config: GatewayConfig,
  authorization: Authorization,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  if (config.identity.kind !== "fixed") throw new ConfigError("token", "needs listen");
  const { identity } = config.identity;
  const session = new Session({
    agent: connectStdioAgent(process.stdin, process.stdout, config.limits.messageBytesMax),
    upstream: connectUpstream(config),
    identity:
      config.session.kind === "fixed" ? { ...identity, session: config.session.session } : identity,
    config,
    authorization,
    log,
  });
  const closed = new Promise<void>((resolve) => {
    session.onclose = resolve;
  });
  signal.addEventListener("abort", () => void session.close(), { once: true });
  await session.start();
  await closed;
}

/** Listens for agents by Streamable HTTP, as the configuration says. */
export async function startGateway(
  config: GatewayConfig,
  authorization: Authorization,
  log: Logger,
): Promise<HttpListener> {
  if (config.listen.kind !== "http") throw new ConfigError("listen", "is missing");
  return await listenHttp({
    config,
    listen: config.listen,
    authenticate: await createAuthenticator(config),
    openSession: (agent, identity) =>
      new Session({
        agent,
        upstream: connectUpstream(config),
        identity,
        config,
        authorization,
        log,
      }),
    log,
  });
}

async function createAuthenticator(
  config: GatewayConfig,
): Promise<(authorization: string | undefined) => Promise<Authenticated>> {
  const { identity: source, session } = config;
  const fixedSession = session.kind === "fixed" ? { session: session.session } : {};
  if (source.kind === "fixed") {
    const identity = { ...source.identity, ...fixedSession };
    return async () => ({ identity, untilMs: Number.POSITIVE_INFINITY });
  }
  const { keys } = source.token.from;
  // A key server that is away is no reason not to start; a file that is wrong is a mistake.
  if (keys.kind === "file") await requireKeySet(keys.path);
  const verify = createTokenReader(source.token, session);
  return async (authorization) => {
    const [, token] = /^Bearer +([^ ]+) *$/i.exec(authorization ?? "") ?? [];
    if (token === undefined) throw new TokenError("a bearer token is needed");
    const { identity, untilMs } = await verify(token);
    return { identity: { ...identity, ...fixedSession }, untilMs };
  };
}

async function requireKeySet(path: string): Promise<void> {
  try {
    await readKeySet(path);
  } catch (cause) {
    throw new ConfigError("token.jwks_file", cause instanceof Error ? cause.message : "");
  }
}
