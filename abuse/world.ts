import { readFile } from "node:fs/promises";
import type { Client } from "../src/client/client.ts";
import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  Verdict,
  type CheckItem,
  type CheckItemSchema,
} from "../src/gen/prokura/v1/authorization_pb.ts";

/** What nobody writes to but its maker: its answers are known throughout. */
export const knownTenant = "known";
/** What valid inputs may change as they like. */
export const fuzzedTenant = "fuzzed";

const tuples = [
  ["mcp_server:mail", "eligible", "agent:*"],
  ["tool:send", "server", "mcp_server:mail"],
  ["tool:send", "eligible", "agent:*"],
  ["tool:send", "requires", "permission:mailbox/sender"],
  ["tool:read", "server", "mcp_server:mail"],
  ["tool:read", "eligible", "agent:*"],
  ["tool:read", "requires", "permission:file/viewer"],
  ["mailbox:alice", "owner", "user:alice"],
  ["folder:home", "owner", "user:alice"],
  ["file:plan", "parent", "folder:home"],
] as const;

const object = (text: string) => {
  const [type = "", id = ""] = text.split(":");
  return { type, id };
};
const entry = (text: string) => ({
  subject: { subject: { case: "object" as const, value: object(text) } },
});
const call = (tool: string, resource: string, principal = "user:alice"): KnownCall => ({
  principal: object(principal),
  actors: [object("agent:bot")],
  tool: object(tool),
  accesses: [{ resource: object(resource) }],
});

/** What requests and items of batches have in common. */
export type KnownCall = Omit<
  Exclude<MessageInitShape<typeof CheckItemSchema>, CheckItem>,
  "$typeName"
>;

/** Questions to the known tenant, and what must be answered at every time. */
export const knownAnswers: readonly {
  readonly call: KnownCall;
  readonly verdict: Verdict;
}[] = [
  { call: call("tool:send", "mailbox:alice"), verdict: Verdict.ALLOWED },
  { call: call("tool:read", "file:plan"), verdict: Verdict.DENIED },
  { call: call("tool:send", "mailbox:bob"), verdict: Verdict.DENIED },
  { call: call("tool:send", "mailbox:alice", "user:mallory"), verdict: Verdict.DENIED },
];

/** Makes both tenants, alike. */
export async function makeWorld(client: Client): Promise<void> {
  const file = new URL("../schema/models/stock.fga", import.meta.url);
  const text = await readFile(file, "utf8");
  for (const tenant of [knownTenant, fuzzedTenant]) {
    await client.admin.createTenant({ tenant });
    await client.model.writeModel({ tenant, source: { case: "text", value: text } });
    await client.tuple.writeTuples({
      tenant,
      operations: tuples.map(([of, relation, to]) => ({
        operation: {
          case: "touch" as const,
          value: {
            object: object(of),
            relation,
            subject: to.endsWith(":*")
              ? { subject: { case: "wildcard" as const, value: { type: object(to).type } } }
              : { subject: { case: "object" as const, value: object(to) } },
          },
        },
      })),
    });
    await client.delegation.delegate({
      tenant,
      principal: object("user:alice"),
      delegate: object("agent:bot"),
      pairs: [{ tools: [entry("tool:send")], resources: [entry("mailbox:alice")] }],
      expiry: { expiry: { case: "lifetime", value: { seconds: 86_400n } } },
    });
  }
}

/** As many as asked for, each of the known ones in turn. */
export function knownItems(count: number): KnownCall[] {
  return Array.from({ length: count }, (_, index) => known(index).call);
}

/** The question of that number and its answer. */
export function known(index: number): (typeof knownAnswers)[number] {
  const one = knownAnswers[index % knownAnswers.length];
  if (one === undefined) throw new RangeError("there are no known answers");
  return one;
}
