import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createClient, type Client } from "../../src/client/client.ts";
import { decisionFromProto, type ClientDecision } from "../../src/client/decision.ts";
import type { Grant, GrantedResource } from "./consent.ts";
import type { SuiteName } from "./corpus.ts";
import type { ConcreteCall } from "./mapped-call.ts";
import { mappingOf } from "./tool-mapping.ts";
import type { SuiteTrial, TaskTrial } from "./trial.ts";

/** What the server says of one user task. */
export interface TaskAnswers {
  /** Of a call of this task: asked in the task's session. */
  readonly decisionOn: (call: ConcreteCall) => ClientDecision;
  /** The names of the tools that the agent may see in the task's session. */
  readonly tools: ReadonlySet<string>;
}

export interface SuiteAnswers {
  /** In the order of the trial's tasks. */
  readonly tasks: readonly TaskAnswers[];
  /** The attacks under a delegation of every tool on everything, in the order of the trial. */
  readonly unbounded: readonly ClientDecision[];
}

const principal = { type: "user", id: "emma" };
const assistant = { type: "agent", id: "assistant" };
/** Holds everything that can be delegated: what it is denied, no delegation would allow. */
const unbounded = { type: "agent", id: "unbounded" };
const unboundedSession = "unbounded";
const realm = { type: "realm", id: "all" };

/** Every suite gets a tenant of its own, every user task a session in it. */
export async function askServer(address: string, trial: SuiteTrial): Promise<SuiteAnswers> {
  using client = createClient({ address });
  const tenant = trial.suite.name;
  await client.admin.createTenant({ tenant });
  const text = await readFile(join(import.meta.dirname, "model.fga"), "utf8");
  await client.model.writeModel({ tenant, source: { case: "text", value: text } });
  await register(client, trial);
  const tasks: TaskAnswers[] = [];
  for (const task of trial.tasks) await delegate(client, tenant, task);
  for (const task of trial.tasks) tasks.push(await askTask(client, tenant, task));
  await delegateEverything(client, trial);
  const attacks = await decide(client, tenant, unbounded, unboundedSession, trial.attacks);
  return { tasks, unbounded: attacks };
}

/** What an administrator writes: the tools and what they require, the sessions, the user's rights. */
async function register(client: Client, { suite, tasks }: SuiteTrial): Promise<void> {
  const server = { type: "mcp_server", id: suite.name };
  const sessions = tasks.map(({ task }) => [task.id, assistant] as const);
  const tuples = [
    tuple(realm, "user", principal),
    tuple(server, "user", principal),
    tuple(server, "requires", { type: "permission", id: "mcp_server/user" }),
    ...suite.tools.flatMap((name) => [
      tuple(toolObject(suite.name, name), "server", server),
      ...permissionsOf(suite.name, name).map((id) =>
        tuple(toolObject(suite.name, name), "requires", { type: "permission", id }),
      ),
    ]),
    ...[...sessions, [unboundedSession, unbounded] as const].flatMap(([id, actor]) => [
      tuple({ type: "session", id }, "principal", principal),
      tuple({ type: "session", id }, "actor", actor),
    ]),
  ];
  const operations = tuples.map((value) => ({
    operation: { case: "create" as const, value },
  }));
  await client.tuple.writeTuples({ tenant: suite.name, operations });
}

function permissionsOf(suite: SuiteName, tool: string): readonly string[] {
  return mappingOf(suite, tool).pinned.flatMap((argument) =>
    argument.as === "condition"
      ? []
      : [`${argument.type}/user/${argument.argument}${argument.isOptional ? "?" : ""}`],
  );
}

async function delegate(client: Client, tenant: SuiteName, trial: TaskTrial): Promise<void> {
  await client.delegation.delegate({
    tenant,
    principal,
    delegate: assistant,
    pairs: trial.grants.map((grant) => pairOf(tenant, grant)),
    sessions: [objectSubject({ type: "session", id: trial.task.id })],
  });
}

function pairOf(suite: SuiteName, { tool, resources, agreed }: Grant) {
  const condition =
    agreed === undefined
      ? {}
      : { condition: { name: "arguments_within", context: { allowed: [...agreed] } } };
  return {
    tools: [{ subject: objectSubject(toolObject(suite, tool)), ...condition }],
    resources: resources.map((resource) => ({ subject: resourceSubject(resource) })),
  };
}

async function delegateEverything(client: Client, { suite, attacks }: SuiteTrial): Promise<void> {
  const types = new Set(attacks.flatMap(({ accesses }) => accesses).map(({ type }) => type));
  await client.delegation.delegate({
    tenant: suite.name,
    principal,
    delegate: unbounded,
    pairs: [
      {
        tools: [{ subject: { subject: { case: "wildcard", value: { type: "tool" } } } }],
        resources: [...types].map((type) => ({ subject: resourceSubject({ type }) })),
      },
    ],
    sessions: [objectSubject({ type: "session", id: unboundedSession })],
  });
}

async function askTask(
  client: Client,
  tenant: SuiteName,
  { task, userCalls, injections }: TaskTrial,
): Promise<TaskAnswers> {
  const attempts = injections.flatMap((injection) => injection.attempts);
  const calls = [...userCalls, ...attempts.flatMap(({ ways }) => ways)];
  const decisions = await decide(client, tenant, assistant, task.id, calls);
  const byCall = new Map(calls.map((call, index) => [call, decisions[index]]));
  const { tools, nextPageToken } = await client.authorization.listTools({
    tenant,
    principal,
    actors: [assistant],
    session: { type: "session", id: task.id },
    pageSize: 1000,
  });
  if (nextPageToken !== "") throw new RangeError(`over 1,000 tools in ${tenant}`);
  return {
    decisionOn(call) {
      const decision = byCall.get(call);
      if (decision === undefined) throw new TypeError(`${call.tool} was not asked`);
      return decision;
    },
    tools: new Set(tools.map(({ id }) => id.slice(tenant.length + 1))),
  };
}

/** In the order of the calls. Fails where the server answers one with an error: that is no verdict. */
async function decide(
  client: Client,
  tenant: SuiteName,
  actor: typeof assistant,
  sessionId: string,
  calls: readonly ConcreteCall[],
): Promise<readonly ClientDecision[]> {
  const { results } = await client.authorization.batchCheck({
    tenant,
    items: calls.map((call) => itemOf(tenant, actor, sessionId, call)),
  });
  if (results.length !== calls.length) throw new TypeError("an answer is missing");
  return results.map(({ result }, index) => {
    if (result.case === "decision") return decisionFromProto(result.value);
    throw new Error(`no decision on ${JSON.stringify(calls[index])}: ${result.value?.message}`);
  });
}

function itemOf(tenant: SuiteName, actor: typeof assistant, sessionId: string, call: ConcreteCall) {
  const resources = call.accesses.map(({ type, id }) => ({ type, id }));
  const distinct = new Map(resources.map((one) => [`${one.type}:${one.id}`, one]));
  return {
    principal,
    actors: [actor],
    tool: toolObject(tenant, call.tool),
    accesses: call.accesses.map(({ type, id, role }) => ({ resource: { type, id }, role })),
    context: { arguments: { ...call.stated } },
    session: { type: "session", id: sessionId },
    // Where each lies is the gateway's knowledge: nobody could store every page of the web.
    contextualTuples: [...distinct.values()].map((resource) => tuple(resource, "parent", realm)),
  };
}

interface Ref {
  readonly type: string;
  readonly id: string;
}

function toolObject(suite: SuiteName, name: string): Ref {
  return { type: "tool", id: `${suite}/${name}` };
}

function tuple(object: Ref, relation: string, subject: Ref) {
  return { object, relation, subject: objectSubject(subject) };
}

function resourceSubject({ type, id }: GrantedResource) {
  if (id !== undefined) return objectSubject({ type, id });
  return { subject: { case: "wildcard" as const, value: { type } } };
}

function objectSubject(value: Ref) {
  return { subject: { case: "object" as const, value } };
}
