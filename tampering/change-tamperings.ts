import { LiveSum } from "../src/audit/live-sum.ts";
import { formatNote, type LogNote } from "../src/audit/log-row.ts";
import { digestOfContent, digestOfRevision } from "../src/audit/revision-digest.ts";
import { readRevisionParts } from "../src/store/log-revisions.ts";
import { Database } from "../src/store/database.ts";
import { tenant, type LogCopy } from "./log-copy.ts";
import { statement, type Tampering } from "./tampering.ts";

const revoking = "tenant_id = 'default' and operation = 'revoke'";
const delegating =
  "tenant_id = 'default' and rev = (select min(rev) from revision where tenant_id = 'default' and operation = 'delegate')";
const consent = `tenant_id = 'default' and object_type = 'delegation'`;

/** Who changed what, and why; and what they changed. */
export function changeTamperings(): readonly Tampering[] {
  const set = (what: string, where: string): Tampering =>
    statement(`revision: ${what}`, `update revision set ${what} where ${where}`);
  return [
    set("caller_id = 'somebody else'", revoking),
    set("operation = 'write_tuples'", revoking),
    set("reason = ''", revoking),
    set("committed_at_ms = committed_at_ms + 1", revoking),
    set("created_count = created_count + 1", revoking),
    set("deleted_count = deleted_count - 1", revoking),
    set("model_id = 'm1'", revoking),
    set("record_ids = null", delegating),
    set("content_digest = '\\x00'", revoking),
    set("digest = '\\x00'", revoking),
    set("digest = null", revoking),
    statement("a revision removed", `delete from revision where ${revoking}`),
    statement(
      "the last revision removed",
      "delete from revision where tenant_id = 'default' and rev = (select max(rev) from revision where tenant_id = 'default')",
    ),
    statement(
      "the first revision removed",
      "delete from revision where tenant_id = 'default' and rev = 1",
    ),
    statement(
      "two revisions exchanged",
      `update revision r set (caller_id, operation, reason, created_count, deleted_count, content_digest, digest, record_ids) =
        (select caller_id, operation, reason, created_count, deleted_count, content_digest, digest, record_ids
          from revision k where k.tenant_id = r.tenant_id and k.rev = case r.rev when 2 then 3 else 2 end)
        where r.tenant_id = 'default' and r.rev in (2, 3)`,
    ),
    ...tuples(),
    ...records(),
    set("caller_id = 'mallory', digest = null, content_digest = null", "tenant_id = 'default'"),
    { name: "all digests removed, and begun anew behind them", harm: beginAnew },
    { name: "a change altered, and all digests made anew", harm: rebuild },
    {
      name: "a change altered, all digests made anew, and a chain without a key tells of them",
      harm: async (copy) => {
        await rebuild(copy);
        await tellOf(copy);
      },
    },
  ];
}

function tuples(): readonly Tampering[] {
  const set = (what: string): Tampering =>
    statement(
      `relation_tuple: ${what}`,
      `update relation_tuple set ${what} where ${consent} and relation = 'resource' and deleted_rev is null`,
    );
  return [
    set("object_id = 'another'"),
    set("relation = 'tool'"),
    set("subject_type = 'folder'"),
    set("subject_id = 'mallory'"),
    set("subject_relation = 'member'"),
    set("condition_name = 'any', condition_context = '{}'"),
    statement(
      "relation_tuple: expires_at_ms = expires_at_ms + 86400000",
      `update relation_tuple set expires_at_ms = expires_at_ms + 86400000
        where ${consent} and relation = 'delegate' and expires_at_ms is not null and deleted_rev is null`,
    ),
    set("deleted_rev = created_rev + 1"),
    set("ord = ord + 100"),
    statement(
      "a tuple removed",
      `delete from relation_tuple where ${consent} and relation = 'delegate' and deleted_rev is null`,
    ),
    statement(
      "a tuple that nobody wrote",
      `insert into relation_tuple select tenant_id, created_rev, 999, object_type, 'forged', relation,
        subject_type, subject_id, subject_relation, condition_name, condition_context, expires_at_ms, null
        from relation_tuple where ${consent} and relation = 'delegate' and deleted_rev is null`,
    ),
    statement(
      "a revoked tuple alive again",
      `update relation_tuple set deleted_rev = null where ${consent} and deleted_rev is not null`,
    ),
  ];
}

function records(): readonly Tampering[] {
  const set = (what: string): Tampering =>
    statement(
      `delegation_record: ${what}`,
      `update delegation_record set ${what} where tenant_id = 'default'`,
    );
  return [
    set("purpose = 'anything'"),
    set(`consent = '{"issuer":"i","subject":"s","tokenId":"t","claims":{}}'`),
    set(`labels = '{"a":"b"}'`),
    set("created_by = 'mallory'"),
    set("created_at_ms = created_at_ms + 1"),
    statement("a record removed", "delete from delegation_record where tenant_id = 'default'"),
  ];
}

/** As if the log of changes had come with an upgrade, and one change after it. */
async function beginAnew(copy: LogCopy): Promise<void> {
  await copy.run("update revision set digest = null, content_digest = null");
  const facts = {
    tenant,
    revision: 1 + Number(await copy.value("select head from tenant where id = $1", tenant)),
    committedAtMs: Date.now(),
    callerId: "mallory",
    operation: "write_tuples",
    reason: "",
    modelId: null,
    createdCount: 0,
    deletedCount: 0,
    recordIds: null,
    contentDigest: digestOfContent({ created: [], deleted: [], records: [] }),
  };
  await copy.run("update tenant set head = $2 where id = $1", tenant, facts.revision);
  await copy.run(
    `insert into revision (tenant_id, rev, committed_at_ms, caller_id, operation, reason,
        created_count, deleted_count, content_digest, digest)
      values ($1, $2, $3, 'mallory', 'write_tuples', '', 0, 0, $4, $5)`,
    tenant,
    facts.revision,
    facts.committedAtMs,
    Buffer.from(facts.contentDigest, "hex"),
    Buffer.from(digestOfRevision("0".repeat(64), "", facts), "hex"),
  );
}

/** A chain of a node that never was. */
async function tellOf(copy: LogCopy): Promise<void> {
  const bound = await copy.client.query<{ rev: string; digest: Buffer }>(
    "select rev, digest from revision where tenant_id = $1 order by rev",
    [tenant],
  );
  const place = (seq: number) => ({ tenant, chain: "zz", seq });
  const begin: LogNote = { kind: "boot", node: "zz", boot: "b", after: "0".repeat(64) };
  const rows = bound.rows.map(({ rev, digest }, index) => {
    const note: LogNote = {
      kind: "changes",
      revision: Number(rev),
      digest: digest.toString("hex"),
    };
    return formatNote(note, index + 2, place(index + 2));
  });
  await copy.addChain("zz", [formatNote(begin, 1, place(1)), ...rows]);
}

/** What anybody can do who has no key: every digest from the altered revision on. */
async function rebuild(copy: LogCopy): Promise<void> {
  await copy.run(`update revision set caller_id = 'mallory' where ${delegating}`);
  const { connectionString } = copy;
  const database = new Database({ connectionString, log: () => undefined });
  try {
    let [digest, left] = ["0".repeat(64), new LiveSum().digest];
    for (const { facts } of await readRevisionParts(database, tenant, 0)) {
      digest = digestOfRevision(digest, left, facts);
      left = facts.liveDigest ?? "";
      await copy.run(
        "update revision set digest = $2 where tenant_id = 'default' and rev = $1",
        facts.revision,
        Buffer.from(digest, "hex"),
      );
    }
  } finally {
    await database.close();
  }
}
