import { mkdir, mkdtemp, readFile, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { stringify } from "yaml";
import { createClient, type Client } from "../src/client/client.ts";
import { freePorts, startProkura, untilReady, type Running } from "./processes.ts";

/** Everything that the demo needs: a server, a gateway, a folder with files, and an issuer of tokens. */
export interface World extends AsyncDisposable {
  readonly client: Client;
  readonly gateway: Running;
  readonly gatewayUrl: URL;
  /** The folder that the file server serves. */
  readonly files: string;
  /** A token that says who acts for alice: the last of `actors`, on behalf of those before it. */
  tokenFor(actors: readonly string[]): Promise<string>;
}

/** Object, relation, subject. */
export type Triple = readonly [string, string, string];

const issuer = "https://login.example";
const audience = "https://files.example/mcp";
const fileServer = join(
  import.meta.dirname,
  "../node_modules/@modelcontextprotocol/server-filesystem/dist/index.js",
);
const stockModel = join(import.meta.dirname, "../schema/models/stock.fga");

export async function createWorld(signal: AbortSignal): Promise<World> {
  await using made = new AsyncDisposableStack();
  const folder = await realpath(await mkdtemp(join(tmpdir(), "prokura-demo-")));
  made.defer(() => rm(folder, { recursive: true, force: true }));
  const files = await createFiles(folder);
  const [grpcPort = 0, httpPort = 0] = await freePorts(2);

  const server = made.use(
    startProkura([
      "serve",
      `--grpc-listen=127.0.0.1:${grpcPort}`,
      `--http-listen=127.0.0.1:${httpPort}`,
      `--data-dir=${join(folder, "data")}`,
      "--log-format=json",
    ]),
  );
  await untilReady(server, httpPort);
  signal.throwIfAborted();
  const client = made.use(createClient({ address: `127.0.0.1:${grpcPort}` }));
  await client.model.writeModel({
    source: { case: "text", value: await readFile(stockModel, "utf8") },
  });
  await client.tuple.writeTuples({ operations: registration(files).map(toCreate) });

  const keys = await generateKeyPair("ES256");
  await writeFile(
    join(folder, "keys.json"),
    JSON.stringify({ keys: [await exportJWK(keys.publicKey)] }),
  );
  const config = gatewayConfig(folder, files, grpcPort);
  await writeFile(join(folder, "gateway.yaml"), stringify(config));
  const gateway = made.use(startProkura(["gateway", "--config", join(folder, "gateway.yaml")]));
  const listening = await gateway.lineAfter(0, (line) => line.includes("listening"));
  const { url } = JSON.parse(listening);
  const kept = made.move();
  return {
    client,
    gateway,
    gatewayUrl: new URL(url),
    files,
    tokenFor: async (actors) =>
      await new SignJWT({ sub: "alice", act: actChain(actors) })
        .setProtectedHeader({ alg: "ES256" })
        .setIssuer(issuer)
        .setAudience(audience)
        .setExpirationTime("10m")
        .sign(keys.privateKey),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

async function createFiles(folder: string): Promise<string> {
  const files = join(folder, "files");
  await mkdir(join(files, "project"), { recursive: true });
  await mkdir(join(files, "private"));
  await writeFile(join(files, "project/plan.md"), "Ship on Friday.\n");
  await writeFile(join(files, "project/notes.md"), "Ask Bob about the budget.\n");
  await writeFile(join(files, "project/draft.md"), "(empty)\n");
  await writeFile(join(files, "private/diary.md"), "Dear diary.\n");
  await symlink("../private/diary.md", join(files, "project/shortcut.md"));
  return files;
}

/** What an administrator writes once: the tools and what they require, and what alice may do. */
function registration(files: string): readonly Triple[] {
  const tools = [
    ["read_text_file", "file/viewer"],
    ["list_directory", "folder/viewer"],
    ["write_file", "file/editor"],
  ] as const;
  return [
    ...tools.flatMap(
      ([name, permission]) =>
        [
          [`tool:fs/${name}`, "server", "mcp_server:fs"],
          [`tool:fs/${name}`, "requires", `permission:${permission}`],
          [`tool:fs/${name}`, "eligible", "agent:*"],
        ] as const,
    ),
    ["mcp_server:fs", "eligible", "agent:*"],
    [`folder:${files}/project`, "editor", "user:alice"],
    [`folder:${files}/private`, "owner", "user:alice"],
  ];
}

/** The wire form of one tuple. The type ends at the first colon; no usersets here. */
export function tupleOf([object, relation, subject]: Triple): object {
  const { type, id } = objectOf(subject);
  return {
    object: objectOf(object),
    relation,
    subject: {
      subject:
        id === "*"
          ? { case: "wildcard", value: { type } }
          : { case: "object", value: { type, id } },
    },
  };
}

export function objectOf(text: string): { readonly type: string; readonly id: string } {
  const colon = text.indexOf(":");
  return { type: text.slice(0, colon), id: text.slice(colon + 1) };
}

export function toCreate(tuple: Triple): object {
  return { operation: { case: "create", value: tupleOf(tuple) } };
}

function gatewayConfig(folder: string, files: string, grpcPort: number): object {
  const access = (type: string): object => ({
    accesses: [{ path: "$.path", type, kind: "path" }],
  });
  return {
    server: "fs",
    service: { address: `127.0.0.1:${grpcPort}` },
    upstream: { command: process.execPath, args: [fileServer, files] },
    listen: { port: 0 },
    token: { issuer, audience, jwks_file: join(folder, "keys.json"), algorithms: ["ES256"] },
    files: { root: files, resolve_links: true },
    tools: {
      read_text_file: access("file"),
      list_directory: access("folder"),
      write_file: access("file"),
    },
  };
}

/** RFC 8693: who acts now is outermost, and holds who acted before. */
function actChain([first, ...rest]: readonly string[], inner?: object): object | undefined {
  if (first === undefined) return inner;
  return actChain(rest, inner === undefined ? { sub: first } : { sub: first, act: inner });
}
