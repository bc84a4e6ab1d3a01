import { LiveSum, tupleElement } from "../src/audit/live-sum.ts";
import { parseTupleText } from "../src/core/tuple.ts";
import { Database } from "../src/store/database.ts";
import { createWriter } from "../src/store/writer.ts";
import { forgetHistory } from "./ageing.ts";
import { tenant, type LogCopy } from "./log-copy.ts";
import { change, type RealLog } from "./real-log.ts";
import { statement, type Tampering } from "./tampering.ts";

/** What counts now, and no revision made it; and revisions that no node wrote. */
export function liveTamperings(): readonly Tampering[] {
  return [...planted(), ...models(), ...besideNodes()];
}

function planted(): readonly Tampering[] {
  const plant = (name: string, createdRev: string, ord = "0"): Tampering =>
    statement(
      `a tuple planted ${name}`,
      `insert into relation_tuple select '${tenant}', ${createdRev}, ${ord}, 'mailbox', 'alice', 'owner', 'user',
        'mallory', '', null, null, null, null from tenant where id = '${tenant}'`,
    );
  return [
    plant("at revision 0", "0"),
    plant("before all revisions", "-9007199254740991"),
    plant("at a revision to come", "head + 1000"),
    onForgotten(plant("at a forgotten revision", "1", "4242")),
    onForgotten(
      statement(
        "a tuple altered that a forgotten revision wrote",
        `update relation_tuple set subject_id = 'mallory' where tenant_id = '${tenant}' and object_type = 'mailbox'
          and subject_id = 'carol'`,
      ),
    ),
    onForgotten(
      statement(
        "a tuple removed that a forgotten revision wrote",
        `delete from relation_tuple where tenant_id = '${tenant}' and object_type = 'user' and deleted_rev is null`,
      ),
    ),
    statement(
      "a suspension that ends at a revision to come",
      `update relation_tuple set deleted_rev = 1000000000 where tenant_id = '${tenant}'
        and relation = 'suspended' and deleted_rev is null`,
    ),
  ];
}

function models(): readonly Tampering[] {
  return [
    statement(
      "authorization_model: parsed altered",
      `update authorization_model set parsed = replace(parsed, 'owner', 'sender') where tenant_id = '${tenant}'`,
    ),
    statement(
      "authorization_model: sources altered",
      `update authorization_model set sources = sources || ' ' where tenant_id = '${tenant}'`,
    ),
    {
      name: "tenant: another model active",
      harm: async (copy) => {
        await copy.run(
          `insert into authorization_model select tenant_id, 'forged', sources, parsed, created_by, created_at_ms
            from authorization_model where tenant_id = '${tenant}'`,
        );
        await copy.run(`update tenant set active_model_id = 'forged' where id = '${tenant}'`);
      },
    },
    statement(
      "tenant: no model active",
      `update tenant set active_model_id = null where id = '${tenant}'`,
    ),
    statement("tenant: head raised", `update tenant set head = head + 1 where id = '${tenant}'`),
  ];
}

/** What nodes are to go on from. */
function besideNodes(): readonly Tampering[] {
  return [
    {
      name: "a tuple planted, and the sum made anew",
      harm: async (copy) => {
        await copy.run(
          `insert into relation_tuple select '${tenant}', 0, 0, 'mailbox', 'alice', 'owner', 'user', 'mallory', '', null, null, null, null`,
        );
        await copy.run(`update tenant set live_sum = null where id = '${tenant}'`);
        await copy.run(`update revision set live_digest = null where tenant_id = '${tenant}'`);
      },
    },
    {
      name: "a tuple planted and added to the sum, before nodes go on",
      harm: (copy, log) => plantInSum(copy, log, false),
      isKeptAfter: true,
    },
    {
      name: "a tuple planted and added to the sum and to its digest until nodes went on",
      harm: (copy, log) => plantInSum(copy, log, true),
      isKeptAfter: true,
    },
    {
      name: "a change invented, with all that a node would write, before nodes go on",
      harm: invent,
      isKeptAfter: true,
    },
    set("revision: signer = null", "signer = null"),
    set("revision: signature = null", "signature = null"),
    set("revision: signed_count = signed_count + 1", "signed_count = signed_count + 1"),
  ];
}

function set(name: string, what: string): Tampering {
  return statement(
    name,
    `update revision set ${what} where tenant_id = '${tenant}' and signature is not null`,
  );
}

/** The same after the history was honestly forgotten. */
function onForgotten({ name, harm }: Tampering): Tampering {
  return {
    name,
    harm: async (copy, log) => {
      await forgetHistory(copy, log);
      await harm(copy, log);
    },
  };
}

/** What is stored of the sum agrees with what is stored of tuples, and a node writes on top of it. */
async function plantInSum(copy: LogCopy, log: RealLog, withDigest: boolean): Promise<void> {
  const stored = await copy.value(
    "select encode(live_sum, 'hex') from tenant where id = $1",
    tenant,
  );
  const sum = new LiveSum(Buffer.from(stored, "hex"));
  const { digest } = sum;
  const head = await copy.value("select head from tenant where id = $1", tenant);
  const columns = ["mailbox", "alice", "owner", "user", "mallory", "", null, null, null];
  sum.add(tupleElement({ createdRev: 0, ord: 0 }, columns));
  await copy.run(
    `insert into relation_tuple values ($1, 0, 0, 'mailbox', 'alice', 'owner', 'user', 'mallory', '')`,
    tenant,
  );
  await copy.run("update tenant set live_sum = $2 where id = $1", tenant, sum.bytes);
  if (withDigest) {
    await copy.run(
      "update revision set live_digest = $2 where tenant_id = $1 and rev = (select head from tenant where id = $1)",
      tenant,
      Buffer.from(sum.digest, "hex"),
    );
  }
  await using server = await log.startNode(copy.connectionString, "one");
  await change(server);
  await server.stop("SIGTERM");
  if (!withDigest) return;
  // Nothing is left that the last revision did not say before.
  await copy.run(
    `update revision set live_digest = $2 where tenant_id = $1 and rev = $3`,
    tenant,
    Buffer.from(digest, "hex"),
    head,
  );
}

/**
 * A writer of the attacker's own, without a key that anybody trusts: its revision is as good as any, and
 * the next of a node is chained to it and told of.
 */
async function invent(copy: LogCopy, log: RealLog): Promise<void> {
  const { connectionString } = copy;
  const database = new Database({ connectionString, log: () => undefined });
  const writer = createWriter(database);
  const tuple = parseTupleText("mailbox:alice#owner@user:mallory", "tuple");
  await writer.write({
    tenant,
    caller: { id: "jwt:https://login.example.com|alice", proof: { kind: "process" } },
    operation: "write_tuples",
    reason: "",
    steps: [{ kind: "touch", tuple }],
    preconditions: [],
    records: [],
    urgent: false,
  });
  await writer.close();
  await database.close();
  await using server = await log.startNode(connectionString, "one");
  await change(server);
  await server.stop("SIGTERM");
}
