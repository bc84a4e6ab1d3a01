import { connectAgent, type Agent } from "./agent.ts";
import { say, stepsOf, type Steps, type Tally } from "./steps.ts";
import { objectOf, toCreate, tupleOf, type World } from "./world.ts";

/** Plays all scenes in order; each builds on those before it. */
export async function play(world: World, tally: Tally): Promise<void> {
  await using scout = await connectAgent(world, ["scout"]);
  await using helper = await connectAgent(world, ["scout", "helper"]);
  const stage: Stage = { world, scout, helper, step: stepsOf(tally, world) };
  const reading = await reads(stage);
  const writing = await writes(stage);
  await handsOn(stage, reading);
  await principalLoses(stage, reading);
  await takesBack(stage, tally, reading, writing);
}

interface Stage {
  readonly world: World;
  readonly scout: Agent;
  readonly helper: Agent;
  readonly step: Steps;
}

async function reads({ world, scout, step }: Stage): Promise<string> {
  say("\nAlice lets scout read in the folder project, for five minutes.");
  const reading = await delegate(world, {
    delegate: "agent:scout",
    tools: ["tool:fs/read_text_file", "tool:fs/list_directory"],
    resource: `folder:${world.files}/project`,
    delegableTo: ["agent:helper"],
  });
  const read = "read_text_file";
  const outside = "resource_not_covered";
  await step.tools(scout, ["list_directory", read]);
  await step.call(scout, read, "project/plan.md", "allowed", reading);
  await step.call(scout, "list_directory", "project", "allowed", reading);
  await step.call(scout, read, "private/diary.md", "denied", outside);
  await step.call(scout, read, "project/../private/diary.md", "denied", outside);
  await step.call(scout, read, "project/%2e%2e/private/diary.md", "denied", outside);
  await step.call(scout, read, "project/%252e%252e/private/diary.md", "denied", "path_refused");
  await step.call(scout, read, "project/shortcut.md", "denied", outside);
  await step.call(scout, "write_file", "project/plan.md", "denied", "tool_not_covered");
  return reading;
}

async function writes({ world, scout, step }: Stage): Promise<string> {
  say("\nAlice also lets scout write, but only the draft.");
  const changed = scout.toolsChanged();
  const writing = await delegate(world, {
    delegate: "agent:scout",
    tools: ["tool:fs/write_file"],
    resource: `file:${world.files}/project/draft.md`,
    delegableTo: [],
  });
  await step.notified(scout, changed);
  await step.tools(scout, ["list_directory", "read_text_file", "write_file"]);
  await step.call(scout, "write_file", "project/draft.md", "allowed", writing);
  await step.call(scout, "write_file", "project/plan.md", "denied", "split_coverage");
  return writing;
}

async function handsOn({ world, helper, step }: Stage, reading: string): Promise<void> {
  say("\nScout hands on to helper: reading, of the plan alone, for a minute.");
  const plan = `file:${world.files}/project/plan.md`;
  // That a narrower consent lies within a wider one is seen in the graph, so the plan's place is
  // stored; what the gateway knows of it comes only with a call.
  await write(world, toCreate([plan, "parent", `folder:${world.files}/project`]));
  const narrowed = await delegate(world, {
    delegate: "agent:helper",
    tools: ["tool:fs/read_text_file"],
    resource: plan,
    delegableTo: [],
    parentId: reading,
    // A link may not outlive the one above it.
    lifetimeSeconds: 60n,
  });
  const chain = `${reading} → ${narrowed}`;
  await step.call(helper, "read_text_file", "project/plan.md", "allowed", chain);
  await step.call(helper, "read_text_file", "project/notes.md", "denied", "resource_not_covered");
}

async function principalLoses({ world, scout, step }: Stage, reading: string): Promise<void> {
  say("\nAlice herself loses the folder, and gets it back.");
  const right = [`folder:${world.files}/project`, "editor", "user:alice"] as const;
  const plan = "project/plan.md";
  await write(world, { operation: { case: "delete", value: tupleOf(right) } });
  await step.call(scout, "read_text_file", plan, "denied", "principal_lacks_permission");
  await write(world, toCreate(right));
  await step.call(scout, "read_text_file", plan, "allowed", reading);
}

async function takesBack(
  { world, scout, helper, step }: Stage,
  tally: Tally,
  reading: string,
  writing: string,
): Promise<void> {
  say("\nAlice takes back what she gave for reading. The sessions go on.");
  const plan = "project/plan.md";
  const askedAtMs = performance.now();
  await world.client.delegation.revoke({ selector: { delegationId: reading } });
  const { verdict } = await step.call(scout, "read_text_file", plan, "denied", "tool_not_covered");
  if (verdict === "denied") {
    tally.revokeToDenyUs = Math.round(1_000 * (performance.now() - askedAtMs));
  }
  await step.call(helper, "read_text_file", plan, "denied", "no_delegation");
  await step.call(scout, "write_file", "project/draft.md", "allowed", writing);
  await step.tools(scout, ["write_file"]);
}

interface Consent {
  readonly delegate: string;
  readonly tools: readonly string[];
  readonly resource: string;
  readonly delegableTo: readonly string[];
  /** Absent: it is alice's own. */
  readonly parentId?: string;
  /** Five minutes, unless given. */
  readonly lifetimeSeconds?: bigint;
}

/** Returns the id of the delegation. */
async function delegate({ client }: World, consent: Consent): Promise<string> {
  const entry = (text: string): object => ({
    subject: { subject: { case: "object", value: objectOf(text) } },
  });
  const { delegations } = await client.delegation.delegate({
    principal: objectOf("user:alice"),
    delegate: objectOf(consent.delegate),
    parentId: consent.parentId ?? "",
    pairs: [{ tools: consent.tools.map(entry), resources: [entry(consent.resource)] }],
    delegableTo: consent.delegableTo.map((text) => ({
      subject: { case: "object", value: objectOf(text) },
    })),
    expiry: { expiry: { case: "lifetime", value: { seconds: consent.lifetimeSeconds ?? 300n } } },
    purpose: "the demo",
  });
  const [delegation] = delegations;
  if (delegation === undefined) throw new Error("the consent was not stored");
  return delegation.id;
}

async function write({ client }: World, operation: object): Promise<void> {
  await client.tuple.writeTuples({ operations: [operation] });
}
