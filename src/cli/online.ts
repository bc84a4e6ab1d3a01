import { createClient, type Client } from "../client/client.ts";
import { messageToJson } from "../client/message-json.ts";
import { parseArguments } from "./arguments.ts";
import { DomainError } from "../core/error.ts";
import { quote } from "../core/object.ts";
import { credentialFlags, readTls } from "./credential.ts";
import { readFlags, type Command, type CommandSpec, type Outcome } from "./command.ts";
import { parseText, standing, toggle, type Flag, type FlagTable, type FlagValues } from "./flag.ts";
import { paintFor, type Paint } from "./paint.ts";
import { printable, type Terminal } from "./terminal.ts";
import { parseDurationText } from "./time-text.ts";

/** What a command works with that asks the service. */
export interface Online {
  readonly client: Client;
  readonly address: string;
  readonly tenant: string;
  readonly timeoutMs: number;
  readonly json: boolean;
  readonly terminal: Terminal;
  /** For what is printed as the answer. */
  readonly paint: Paint;
}

interface OnlineSpec<Table extends FlagTable> extends Omit<CommandSpec<Table>, "run"> {
  readonly run: (
    values: FlagValues<Table>,
    online: Online,
    operands: readonly string[],
  ) => Promise<Outcome>;
}

/** Where the service is, and how to answer: flags of every command that asks it. */
interface ConnectionFlags extends FlagTable {
  readonly address: Flag<string>;
  readonly tenant: Flag<string>;
  readonly token: Flag<string | undefined>;
  readonly tlsCa: Flag<string | undefined>;
  readonly clientCertificate: Flag<string | undefined>;
  readonly clientKey: Flag<string | undefined>;
  readonly timeout: Flag<number>;
  readonly json: Flag<boolean>;
}

const connectionFlags: ConnectionFlags = {
  address: standing(
    {
      name: "address",
      value: "HOST:PORT",
      meaning: "where the server takes gRPC",
      variable: "PROKURA_ADDRESS",
    },
    parseAddress,
    "127.0.0.1:7450",
  ),
  tenant: standing(
    { name: "tenant", value: "NAME", meaning: "the tenant", variable: "PROKURA_TENANT" },
    parseText,
    "default",
  ),
  ...credentialFlags,
  timeout: standing(
    { name: "timeout", value: "TIME", meaning: "how long to wait for an answer" },
    parseDurationText,
    "10s",
  ),
  json: toggle("json", "print JSON for programs"),
};

/** A command that asks the service: it has the connection's flags beside its own. */
export function onlineCommand<Table extends FlagTable>(spec: OnlineSpec<Table>): Command {
  const flags = [...Object.values(spec.flags), ...Object.values(connectionFlags)];
  return {
    ...spec,
    flags,
    prepare: (argv, terminal) => {
      const { given, operands } = parseArguments(argv, { ...spec, flags }, terminal.environment);
      const values = readFlags(spec.flags, given);
      const connection = readFlags(connectionFlags, given);
      return async () => {
        const { address, timeout: timeoutMs, tenant, token, json } = connection;
        const tls = await readTls(connection);
        using client = createClient({
          address,
          deadlineMs: timeoutMs,
          ...(token === undefined ? {} : { token }),
          ...(tls === undefined ? {} : { tls }),
        });
        const paint = paintFor(terminal, "output");
        const online: Online = { client, address, tenant, timeoutMs, json, terminal, paint };
        return await spec.run(values, online, operands);
      };
    },
  };
}

type Message = Parameters<typeof messageToJson>[0];

/** Prints an answer: as lines for people, or with `--json` the message itself. */
export async function answer<Answer extends Message>(
  online: Online,
  message: Answer,
  lines: () => readonly string[],
): Promise<void> {
  await (online.json ? printJson(online, message) : printLines(online, lines()));
}

/** On one line, but on several where a person looks at it. */
async function printJson({ terminal }: Online, message: Message): Promise<void> {
  const indent = terminal.output.isTty ? 2 : undefined;
  await terminal.output.write(`${JSON.stringify(messageToJson(message), null, indent)}\n`);
}

/** One event of a stream: always on one line. */
export async function printJsonLine({ terminal }: Online, message: Message): Promise<void> {
  await terminal.output.write(`${JSON.stringify(messageToJson(message))}\n`);
}

export async function printLines({ terminal }: Online, lines: readonly string[]): Promise<void> {
  for (const line of lines) await terminal.output.write(`${printable(line)}\n`);
}

/** A remark beside the answer: for people only, and never in the way of a pipe. */
export async function remark({ terminal, json }: Online, line: string): Promise<void> {
  if (!json) await terminal.errors.write(`${printable(line)}\n`);
}

function parseAddress(text: string, field: string): string {
  const [, port] = /^(?:\[[0-9A-Fa-f:.]+\]|[^\s:[\]/]+):([0-9]{1,5})$/.exec(text) ?? [];
  if (Number(port) > 0 && Number(port) <= 65_535) return text;
  throw new DomainError(
    "malformed",
    `${field} must be host:port such as 127.0.0.1:7450, got ${quote(text)}`,
    { field },
  );
}
