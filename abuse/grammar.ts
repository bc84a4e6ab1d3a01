import {
  create,
  ScalarType,
  type DescField,
  type DescMessage,
  type Message,
  type MessageInitShape,
} from "@bufbuild/protobuf";
import { fuzzedTenant } from "./world.ts";
import type { Random } from "./random.ts";

const depthMax = 5;
const fillShare = 0.7;

/** A message that the contract allows to be sent, made of words that the world knows, and of some that break it. */
export function randomMessage(random: Random, description: DescMessage): Message {
  return create(description, randomInit(random, description, 0));
}

function randomInit(
  random: Random,
  description: DescMessage,
  depth: number,
): MessageInitShape<DescMessage> {
  if (description.typeName === "google.protobuf.Struct") return randomContext(random);
  const init: Record<string, unknown> = {};
  for (const member of description.members) {
    if (!random.chance(fillShare)) continue;
    if (member.kind === "oneof") {
      const chosen = member.fields[random.below(member.fields.length)];
      if (chosen === undefined) continue;
      const value = randomValue(random, chosen, depth);
      if (value !== undefined) init[member.localName] = { case: chosen.localName, value };
    } else {
      const value = randomValue(random, member, depth);
      if (value !== undefined) init[member.localName] = value;
    }
  }
  return init;
}

function randomValue(random: Random, field: DescField, depth: number): unknown {
  switch (field.fieldKind) {
    case "scalar":
      return randomScalar(random, field.scalar, field.localName);
    case "enum":
      return random.pick([0, 1, 2, 3, 77]);
    case "message":
      return depth < depthMax ? randomInit(random, field.message, depth + 1) : undefined;
    case "list": {
      const length = random.pick([0, 1, 1, 1, 2, 3, random.chance(0.01) ? 1_200 : 1]);
      return Array.from({ length }, () => randomElement(random, field, depth)).filter(
        (one) => one !== undefined,
      );
    }
    case "map":
      return Object.fromEntries([[randomText(random, "label"), randomText(random, "label")]]);
  }
}

function randomElement(
  random: Random,
  field: Extract<DescField, { fieldKind: "list" }>,
  depth: number,
): unknown {
  switch (field.listKind) {
    case "scalar":
      return randomScalar(random, field.scalar, field.localName);
    case "enum":
      return random.below(4);
    case "message":
      return depth < depthMax ? randomInit(random, field.message, depth + 1) : undefined;
  }
}

function randomScalar(random: Random, type: ScalarType, name: string): unknown {
  switch (type) {
    case ScalarType.STRING:
      return randomText(random, name);
    case ScalarType.BOOL:
      // What forgets the barrier or activates a model only makes the run slower.
      return random.chance(0.5);
    case ScalarType.BYTES:
      return random.bytes(random.below(20));
    case ScalarType.INT64:
    case ScalarType.UINT64:
    case ScalarType.SINT64:
    case ScalarType.FIXED64:
    case ScalarType.SFIXED64:
      return random.pick([0n, 1n, 7n, 3_600n, 2n ** 53n, 2n ** 63n - 1n]);
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return random.pick([0, 1, -1, Number.NaN, Infinity, 1e308]);
    case ScalarType.INT32:
    case ScalarType.UINT32:
    case ScalarType.SINT32:
    case ScalarType.FIXED32:
    case ScalarType.SFIXED32:
      return random.pick([0, 1, 5, 100, 1_000, 1_001, 2 ** 31 - 1]);
  }
}

type Words = readonly [string, ...string[]];

const words: Readonly<Record<string, Words>> = {
  tenant: [fuzzedTenant, fuzzedTenant, fuzzedTenant, "", "none", "A b"],
  type: [
    "user",
    "agent",
    "tool",
    "mailbox",
    "file",
    "folder",
    "delegation",
    "session",
    "mcp_server",
  ],
  id: ["alice", "bob", "bot", "send", "read", "plan", "home", "mail", "mailbox/sender"],
  relation: [
    "owner",
    "viewer",
    "parent",
    "requires",
    "principal",
    "delegate",
    "within",
    "suspended",
  ],
  permission: ["viewer", "owner", "sender"],
  subjectType: ["user", "agent"],
};

const odd: Words = [
  "",
  "*",
  "x".repeat(600),
  "\u0000",
  "a#b",
  "ü",
  "😀",
  "%",
  "current_time",
  "..",
];

function randomText(random: Random, name: string): string {
  if (random.chance(0.05)) return random.pick(odd);
  const known = words[name];
  if (known !== undefined) return random.pick(known);
  return random.chance(0.5) ? "" : random.pick(["alice", "bot", "x", "1"]);
}

function randomContext(random: Random): MessageInitShape<DescMessage> {
  const value = (): unknown =>
    random.pick<unknown>([1, "x", true, null, [1, [2]], { a: { b: 1 } }, -0.5, 1e300]);
  const context: Record<string, unknown> = { arguments: { to: value() }, amount: value() };
  if (random.chance(0.05)) context["current_time"] = "2020-01-01T00:00:00Z";
  if (random.chance(0.01)) {
    let deep: unknown = 1;
    for (let level = 0; level < 40; level += 1) deep = { deep };
    context["deep"] = deep;
  }
  return context;
}
