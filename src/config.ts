import { homedir, hostname } from "node:os";
import { join, resolve } from "node:path";
import { DomainError } from "./core/error.ts";
import { quote } from "./core/object.ts";
import { decisionLogOptions, type DecisionLogConfig } from "./decision-log-options.ts";
import { parseFlags } from "./flags.ts";
import {
  address,
  choice,
  count,
  day,
  duration,
  file,
  hour,
  mebibyte,
  named,
  rate,
  second,
  size,
  type Address,
  type Option,
} from "./option.ts";

/** Everything that an operator may set. Lengths of time are in milliseconds, sizes in bytes. */
export interface Config extends DecisionLogConfig {
  readonly grpcListen: Address;
  readonly httpListen: Address;
  readonly insecureListen: boolean;
  readonly authentication: Authentication;
  /** Absent: no tokens are taken, only keys and certificates. */
  readonly issuersFile: string | undefined;
  readonly tlsCertificateFile: string | undefined;
  readonly tlsKeyFile: string | undefined;
  readonly tlsClientCaFile: string | undefined;
  readonly dataDir: string;
  /** Absent: the embedded PostgreSQL in `dataDir`. */
  readonly databaseUrl: string | undefined;
  readonly databaseConnectionsMax: number;
  readonly nodeName: string;
  readonly workers: number;
  readonly logLevel: LogLevel;
  readonly logFormat: LogFormat;
  readonly grpcServer: (typeof grpcServers)[number];
  readonly leaseServeMs: number;
  readonly leaseKillMs: number;
  readonly leaseRenewMs: number;
  readonly memoryBytesMax: number;
  readonly verdictsMax: number;
  /** Tenants whose graphs are loaded at the start. */
  readonly preload: readonly string[];
  readonly depthMax: number;
  readonly stepsMax: number;
  readonly operationsMax: number;
  readonly checksMax: number;
  readonly contextualTuplesMax: number;
  readonly contextBytesMax: number;
  readonly pageSizeMax: number;
  readonly liveDelegationsMax: number;
  readonly messageBytesMax: number;
  readonly inFlightMax: number;
  readonly inFlightPerConnectionMax: number;
  readonly callerRateMax: number;
  readonly callerInFlightMax: number;
  readonly delegationLifetimeMs: number;
  readonly delegationLifetimeMaxMs: number;
  readonly historyMs: number;
  readonly shutdownGraceMs: number;
}

export type LogLevel = (typeof logLevels)[number];
export type Authentication = (typeof authentications)[number];
export type LogFormat = (typeof logFormats)[number];

/** Reads flags, then what the environment says where there is no flag, then the defaults. */
export function parseConfig(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): Config {
  const flags = parseFlags(args, Object.values(options), switches);
  const values = Object.entries(options).map(([name, option]) => [name, read<unknown>(option)]);
  // Each name's value is what its own option read, which no checker can follow.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const config = Object.freeze(Object.fromEntries(values)) as Config;
  checkTogether(config);
  return config;

  function read<Value>(option: Option<Value>): Value {
    const flag = flags[option.flag];
    const [text, source] =
      flag === undefined
        ? [environment[option.variable], option.variable]
        : [flag, `--${option.flag}`];
    // An empty variable is how many a script unsets one.
    if (text === undefined || (flag === undefined && text === "")) return option.standard();
    const value = option.parse(text);
    if (value !== undefined) return value.is;
    // A password may stand in a URL: what was given is not said again.
    const given = option.secret === true ? "" : `, got ${quote(text)}`;
    throw new DomainError("malformed", `${source} must be ${option.allowed}${given}`, {
      field: source,
    });
  }
}

/** Every option on a line or two, as `--help` shows it. */
export function formatOptions(): string {
  return Object.values(options)
    .map(
      ({ flag, variable, meaning, shown, allowed }) =>
        `  --${flag} (${variable})\n      ${meaning}; ${allowed}. Default: ${shown}.`,
    )
    .join("\n");
}

/** The same as a table in Markdown. */
export function formatOptionTable(): string {
  const rows = Object.values(options).map(
    ({ flag, variable, meaning, shown, allowed }) =>
      `| \`--${flag}\` | \`${variable}\` | ${shown} | ${meaning}; ${allowed} |`,
  );
  return ["| flag | variable | default | meaning |", "|---|---|---|---|", ...rows].join("\n");
}

/** Whether only this machine can reach the address. */
export function isLoopback({ host }: Address): boolean {
  return host === "localhost" || host === "::1" || /^127(\.[0-9]{1,3}){3}$/.test(host);
}

export function formatAddress({ host, port }: Address): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

const logLevels = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;
const authentications = ["optional", "required"] as const;
const logFormats = ["auto", "json", "text"] as const;
const grpcServers = ["own", "http2", "grpc-js"] as const;

const options: { readonly [Name in keyof Config]: Option<Config[Name]> } = {
  grpcListen: address("grpc-listen", "where gRPC is served", 7450),
  httpListen: address(
    "http-listen",
    "where Connect, gRPC-Web, metrics and health are served",
    7451,
  ),
  insecureListen: {
    ...named(
      "insecure-listen",
      "listen on addresses that others can reach, with no authentication",
    ),
    allowed: "true or false",
    shown: "false",
    standard: () => false,
    parse: (text) =>
      text === "true" || text === "1"
        ? { is: true }
        : text === "false" || text === "0"
          ? { is: false }
          : undefined,
  },
  authentication: choice(
    "authentication",
    "whether callers must show who they are; optional lets whoever shows nothing do everything",
    authentications,
    "optional",
  ),
  issuersFile: file("issuers", "whose tokens are believed, in YAML", "no tokens are taken"),
  tlsCertificateFile: file("tls-cert", "the server's certificate, in PEM", "no TLS"),
  tlsKeyFile: file("tls-key", "the certificate's key, in PEM", "no TLS"),
  tlsClientCaFile: file(
    "tls-client-ca",
    "whose client certificates are believed, in PEM",
    "clients are not asked for any",
  ),
  dataDir: {
    ...named("data-dir", "where the embedded PostgreSQL keeps its data"),
    allowed: "a path",
    shown: "`/var/lib/prokura` for root, else `~/.local/share/prokura`",
    standard: defaultDataDir,
    parse: (text) => (text === "" ? undefined : { is: resolve(text) }),
  },
  databaseUrl: {
    ...named("database-url", "the PostgreSQL to use in place of the embedded one"),
    variable: "DATABASE_URL",
    allowed: "a postgres:// URL",
    shown: "the embedded one",
    standard: () => undefined,
    parse: (text) =>
      /^postgres(ql)?:$/.test(URL.parse(text)?.protocol ?? "") ? { is: text } : undefined,
    secret: true,
  },
  databaseConnectionsMax: count(
    "database-connections-max",
    "connections to PostgreSQL",
    24,
    16,
    1000,
  ),
  nodeName: {
    ...named("node-name", "the name of this process, for people"),
    allowed: "1 to 128 printable characters",
    shown: "the host's name",
    standard: () => hostname(),
    parse: (text) => (/^[^\p{Cc}\p{Cs}]{1,128}$/u.test(text) ? { is: text } : undefined),
  },
  workers: {
    ...count("workers", "", 1, 1, 64),
    meaning: "processes that answer, each a node of its own with memory and connections of its own",
  },
  logLevel: choice("log-level", "what is logged at least", logLevels, "info"),
  logFormat: choice(
    "log-format",
    "how log lines look; auto is text on a terminal, else json",
    logFormats,
    "auto",
  ),
  grpcServer: choice(
    "grpc-server",
    "what gRPC runs on; the others are slower, to fall back to",
    grpcServers,
    "own",
  ),
  leaseServeMs: duration(
    "lease-serve",
    "how long a node answers after a renewal",
    "8s",
    8 * second,
  ),
  leaseKillMs: duration(
    "lease-kill",
    "after how long others end a silent lease",
    "12s",
    12 * second,
  ),
  leaseRenewMs: duration("lease-renew", "how often a lease is renewed", "2s", 2 * second),
  memoryBytesMax: size("memory-max", "memory for the graph", "512MiB", 512 * mebibyte),
  verdictsMax: count(
    "verdicts-max",
    "verdicts that are kept until a page of theirs changes, 0 for none, some 2 KiB each",
    8192,
    0,
    1_000_000,
  ),
  preload: {
    ...named(
      "preload",
      "tenants whose graphs are loaded into memory from the start, as far as it goes",
    ),
    allowed: "names with commas between",
    shown: "none, pages come as they are asked for",
    standard: () => [],
    parse: (text) => {
      const tenants = text.split(",").map((name) => name.trim());
      return tenants.every((name) => name !== "") ? { is: tenants } : undefined;
    },
  },
  depthMax: count("depth-max", "depth of one evaluation", 64, 1, 64),
  stepsMax: count("steps-max", "work of one evaluation, in steps", 100_000, 1000, 10_000_000),
  operationsMax: count("operations-max", "operations of one write", 1000, 1, 5000),
  checksMax: count("checks-max", "checks of one batch", 1000, 1, 10_000),
  contextualTuplesMax: count(
    "contextual-tuples-max",
    "contextual tuples of one request",
    100,
    0,
    1000,
  ),
  contextBytesMax: size("context-max", "one context", "64KiB", 64 * 1024),
  pageSizeMax: count("page-size-max", "elements of one page", 1000, 1, 10_000),
  liveDelegationsMax: count(
    "live-delegations-max",
    "live delegations of one principal to one delegate",
    1000,
    1,
    100_000,
  ),
  messageBytesMax: size("message-max", "one message on the wire", "4MiB", 4 * mebibyte),
  inFlightMax: count("in-flight-max", "requests under way in all", 10_000, 1, 1_000_000),
  inFlightPerConnectionMax: count(
    "in-flight-per-connection-max",
    "requests under way on one connection",
    1000,
    1,
    100_000,
  ),
  callerRateMax: rate("caller-rate-max", "requests and checks of one caller", 10_000_000),
  callerInFlightMax: count(
    "caller-in-flight-max",
    "requests under way, and streams, of one caller",
    5_000,
    1,
    1_000_000,
  ),
  delegationLifetimeMs: duration(
    "delegation-lifetime",
    "how long a delegation lives that names no end",
    "1h",
    hour,
  ),
  delegationLifetimeMaxMs: duration(
    "delegation-lifetime-max",
    "how long a delegation may live that is not for ever",
    "30d",
    30 * day,
  ),
  historyMs: duration("history", "how long the past can be asked for", "7d", 7 * day),
  ...decisionLogOptions,
  shutdownGraceMs: duration(
    "shutdown-grace",
    "how long calls may end in when stopping",
    "20s",
    20 * second,
  ),
};

/** Flags that take no value. */
const switches: readonly string[] = [options.insecureListen.flag];

/** What only holds of several options together. */
function checkTogether(config: Config): void {
  const { leaseServeMs, leaseKillMs, leaseRenewMs } = config;
  if (leaseKillMs < 1.5 * leaseServeMs) {
    // Clocks run at different rates and machines are suspended: the difference is what pays for it.
    refuse("lease-kill", "must be at least 1.5 times --lease-serve");
  }
  if (leaseRenewMs > leaseServeMs / 4) {
    refuse("lease-renew", "must be at most a quarter of --lease-serve");
  }
  if (config.delegationLifetimeMs > config.delegationLifetimeMaxMs) {
    refuse("delegation-lifetime", "must be at most --delegation-lifetime-max");
  }
  if (config.inFlightPerConnectionMax > config.inFlightMax) {
    refuse("in-flight-per-connection-max", "must be at most --in-flight-max");
  }
  const { tlsCertificateFile, tlsKeyFile, tlsClientCaFile } = config;
  if ((tlsCertificateFile === undefined) !== (tlsKeyFile === undefined)) {
    refuse("tls-cert", "and --tls-key must be given together");
  }
  if (tlsClientCaFile !== undefined && tlsCertificateFile === undefined) {
    refuse("tls-client-ca", "needs --tls-cert and --tls-key");
  }
  if (tlsCertificateFile !== undefined && config.grpcServer === "grpc-js") {
    refuse("grpc-server", "must be own or http2 with --tls-cert");
  }
  if (config.authentication === "required") return;
  for (const listen of [config.grpcListen, config.httpListen]) {
    if (!isLoopback(listen) && !config.insecureListen) {
      refuse(
        "insecure-listen",
        `must be given to listen on ${formatAddress(listen)}: others can reach it, and callers need not show who they are; or give --authentication required`,
      );
    }
  }
}

function refuse(flag: string, problem: string): never {
  throw new DomainError("malformed", `--${flag} ${problem}`, { field: `--${flag}` });
}

/**
 * Not the working directory: a server that is started elsewhere would come up empty. Root's own home
 * is closed to the account that PostgreSQL must run under.
 */
function defaultDataDir(): string {
  if (process.getuid?.() === 0) return "/var/lib/prokura";
  return join(process.env["XDG_DATA_HOME"] ?? join(homedir(), ".local", "share"), "prokura");
}
