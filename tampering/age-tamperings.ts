import { forgetHistory, removeOld } from "./ageing.ts";
import { tenant, type LogCopy } from "./log-copy.ts";
import { statement, type Tampering } from "./tampering.ts";

const ofOne = `tenant_id = 'default' and chain = 'one'`;

/** What a log hides behind its age: rows that are said to be old, and the first that are left. */
export function ageTamperings(): readonly Tampering[] {
  return [
    { name: "rows removed, and called old where the chain begins", harm: hideBeginning },
    {
      name: "rows removed, called old, and a node says what it finds old then",
      harm: async (copy, log) => {
        await hideBeginning(copy);
        await removeOld(copy, log, Date.now() - 3_600_000);
      },
    },
    {
      name: "rows filed as old, which a node removes then",
      harm: async (copy, log) => {
        await copy.run(`update log_segment set from_ms = 1, to_ms = 1 where ${ofOne}`);
        await removeOld(copy, log, Date.now() - 3_600_000);
      },
    },
    {
      name: "checkpoints made old, and the rows removed then by a node",
      harm: async (copy, log) => {
        await copy.run(`update log_segment set from_ms = 1, to_ms = 1 where ${ofOne}`);
        await copy.run(
          `update log_checkpoint set body = regexp_replace(body, '"at":[0-9]+', '"at":1') where ${ofOne}`,
        );
        await removeOld(copy, log, Date.now() - 3_600_000);
        await copy.run(`delete from log_checkpoint where ${ofOne} and body like '{"at":1,%'`);
      },
    },
    { name: "changes removed, and called old where they begin", harm: hideChanges },
    statement(
      "tenant: horizon raised",
      "update tenant set horizon = head where id = 'default' and horizon < head",
    ),
    {
      name: "what was changed forgotten before it was old, by whom the database is told",
      harm: async (copy) => {
        await copy.run("update tenant set horizon = head where id = 'default'");
        await copy.run("delete from relation_tuple where deleted_rev is not null");
      },
    },
    ...afterAgeing(),
  ];
}

/** On a log of which old rows were honestly removed. */
function afterAgeing(): readonly Tampering[] {
  const then = (name: string, ...texts: readonly string[]): Tampering => ({
    name: `after ageing: ${name}`,
    harm: async (copy, log) => {
      await forgetHistory(copy, log);
      await removeOld(copy, log);
      for (const text of texts) {
        if ((await copy.run(text)) === 0) throw new Error(`\`${name}\` hit nothing`);
      }
    },
  });
  const first =
    "tenant_id = 'default' and rev = (select min(rev) from revision where tenant_id = 'default')";
  return [
    then("the first change altered", `update revision set caller_id = 'mallory' where ${first}`),
    then("the first change removed", `delete from revision where ${first}`),
    then(
      "the base of the changes altered",
      `update log_chain set aged_hash = '\\x00' where tenant_id = 'default' and chain = ''`,
    ),
    then("the base altered", `update log_chain set aged_hash = '\\x00' where ${ofOne}`),
    then("the base lowered", `update log_chain set aged_through = aged_through - 1 where ${ofOne}`),
    then("the base raised", `update log_chain set aged_through = aged_through + 1 where ${ofOne}`),
    then(
      "the checkpoints that show it removed",
      `delete from log_checkpoint where ${ofOne} and seq <= (select aged_through from log_chain where ${ofOne})`,
      `delete from log_checkpoint where tenant_id = 'default' and chain = 'two'`,
    ),
    {
      name: "after ageing: the first row altered",
      harm: async (copy, log) => {
        await removeOld(copy, log);
        const [segment] = await copy.segments("one");
        if (segment === undefined) throw new Error("no row is left");
        segment.rows[0] = (segment.rows[0] ?? "").replace(/"at":\d/, '"at":2');
        await copy.store(segment);
      },
    },
    {
      name: "after ageing: a row that nobody wrote before the first",
      harm: async (copy, log) => {
        await removeOld(copy, log);
        await plantRow(copy);
      },
    },
  ];
}

async function plantRow(copy: LogCopy): Promise<void> {
  const [segment] = await copy.segments("one");
  if (segment === undefined) throw new Error("no row is left");
  const seq = segment.firstSeq - 1;
  const row = `{"at":1,"chain":"one","kind":"decision","seq":${seq},"tenant":"${tenant}","verdict":"allowed"}`;
  const hash = await copy.value(`select encode(aged_hash, 'hex') from log_chain where ${ofOne}`);
  await copy.run(
    `insert into log_segment (tenant_id, chain, first_seq, last_seq, from_ms, to_ms, terms, rows, hashes)
      select tenant_id, chain, $1, $1, 1, 1, '{}', rows, hashes from log_segment where ${ofOne} limit 1`,
    seq,
  );
  await copy.store({ chain: "one", firstSeq: seq, lastSeq: seq, rows: [row], hashes: [hash] });
}

/** The first segments go, with the checkpoints on them, and the chain says that it begins behind them. */
async function hideBeginning(copy: LogCopy): Promise<void> {
  const segments = await copy.segments("one");
  const last = segments[Math.floor(segments.length / 2)];
  if (last === undefined) throw new Error("there is nothing to hide");
  const { lastSeq } = last;
  await copy.run(`delete from log_segment where ${ofOne} and last_seq <= $1`, lastSeq);
  await copy.run(`delete from log_checkpoint where ${ofOne} and seq < $1`, lastSeq);
  await copy.run(
    `update log_chain set aged_through = $1, aged_hash = $2 where ${ofOne}`,
    lastSeq,
    Buffer.from(last.hashes.at(-1) ?? "", "hex"),
  );
}

async function hideChanges(copy: LogCopy): Promise<void> {
  await copy.run(
    `insert into log_chain (tenant_id, chain, aged_through, aged_hash)
      select tenant_id, '', rev, digest from revision where tenant_id = 'default' and rev = 3`,
  );
  await copy.run("delete from revision where tenant_id = 'default' and rev <= 3");
}
