import { linkRow } from "../src/audit/chain.ts";
import { makeSigningKey, readSigningKey } from "../src/audit/checkpoint.ts";
import { canonicalJson } from "../src/core/json.ts";
import type { LogCopy } from "./log-copy.ts";
import { tenant } from "./log-copy.ts";
import { cutFrom, longest, rowWith, statement, type Tampering } from "./tampering.ts";

const ofOne = `tenant_id = 'default' and chain = 'one'`;
const second = `${ofOne} and first_seq = (select first_seq from log_segment where ${ofOne} order by first_seq offset 1 limit 1)`;
const withDecisions = `${ofOne} and first_seq = (select first_seq from log_segment
  where ${ofOne} and decision_source is not null order by first_seq limit 1)`;

/** What stands beside the rows: how they are found, where chains end, and what was signed. */
export function tableTamperings(): readonly Tampering[] {
  return [
    ...segmentColumns(),
    ...wholeSegments(),
    ...chainsAndCheckpoints(),
    { name: "a tail forged without the key", harm: forgeTail },
    { name: "a tail forged, and signed with another key", harm: forgeSignedTail },
    { name: "the whole chain written anew, and signed with another key", harm: rebuild },
    { name: "rows removed from the start, and a forged row that calls them old", harm: forgeAge },
  ];
}

function segmentColumns(): readonly Tampering[] {
  const set = (what: string, where: string): Tampering =>
    statement(`log_segment: ${what}`, `update log_segment set ${what} where ${where}`);
  return [
    set("first_seq = first_seq + 1000", withDecisions),
    set("last_seq = last_seq + 1", withDecisions),
    set("from_ms = from_ms + 3600000", withDecisions),
    set("to_ms = to_ms - 3600000", withDecisions),
    set("decision_source = 'another'", withDecisions),
    set("decision_first = decision_first + 1", withDecisions),
    set("decision_last = decision_last - 1", withDecisions),
    set("decision_source = null", withDecisions),
    set("terms = terms[2:]", withDecisions),
    set("terms = terms || 42::bigint", withDecisions),
    set("terms = '{}'", withDecisions),
    set("rows = 'rubbish'", withDecisions),
    set("hashes = overlay(hashes placing '\\x00112233' from 1)", withDecisions),
    set("hashes = substring(hashes from 33)", withDecisions),
    set("chain = 'three'", withDecisions),
    set("tenant_id = 'other'", withDecisions),
  ];
}

function wholeSegments(): readonly Tampering[] {
  const first = `first_seq = (select min(first_seq) from log_segment where ${ofOne})`;
  const last = `first_seq = (select max(first_seq) from log_segment where ${ofOne})`;
  const copied = `tenant_id, chain, first_seq + 100000, last_seq + 100000, from_ms, to_ms,
    decision_source, decision_first, decision_last, terms, rows, hashes`;
  return [
    statement("the first rows removed", `delete from log_segment where ${ofOne} and ${first}`),
    statement("rows removed from between", `delete from log_segment where ${second}`),
    statement("the last rows removed", `delete from log_segment where ${ofOne} and ${last}`),
    statement(
      "rows written twice",
      `insert into log_segment select ${copied} from log_segment where ${second}`,
    ),
    {
      name: "the last rows cut off, with all that knew of them",
      harm: async (copy) =>
        cutFrom(copy, "one", (await copy.segments("one")).at(-1)?.firstSeq ?? 0),
    },
    {
      name: "half of the rows cut off, with all that knew of them",
      harm: async (copy) => {
        const segments = await copy.segments("one");
        await cutFrom(copy, "one", segments[Math.floor(segments.length / 2)]?.firstSeq ?? 0);
      },
    },
    {
      name: "the chain removed, with all that knew of it",
      harm: async (copy) => {
        for (const table of ["log_segment", "log_checkpoint", "log_chain"]) {
          await copy.run(`delete from ${table} where ${ofOne}`);
        }
      },
    },
    { name: "rows of the two nodes exchanged", harm: exchangeNodes },
    { name: "the names of the two chains exchanged", harm: exchangeChains },
  ];
}

function chainsAndCheckpoints(): readonly Tampering[] {
  const lastSeq = `seq = (select max(seq) from log_checkpoint where ${ofOne})`;
  const older = `(select k.body, k.signature from log_checkpoint k where ${ofOne} order by k.seq limit 1)`;
  return [
    statement(
      "log_chain: head_seq lowered",
      `update log_chain set head_seq = head_seq - 1 where ${ofOne}`,
    ),
    statement(
      "log_chain: head_seq raised",
      `update log_chain set head_seq = head_seq + 1 where ${ofOne}`,
    ),
    statement(
      "log_chain: head_hash altered",
      `update log_chain set head_hash = '\\x00' where ${ofOne}`,
    ),
    statement("log_chain: removed", `delete from log_chain where ${ofOne}`),
    statement(
      "a checkpoint's row altered",
      `update log_checkpoint set body = replace(body, '"seq":', '"seq":1') where ${ofOne} and ${lastSeq}`,
    ),
    statement(
      "a checkpoint's hash altered",
      `update log_checkpoint set body = regexp_replace(body, '"hash":"..', '"hash":"00') where ${ofOne} and ${lastSeq}`,
    ),
    statement(
      "a checkpoint's signature altered",
      `update log_checkpoint set signature = overlay(signature placing '\\x0000' from 9) where ${ofOne} and ${lastSeq}`,
    ),
    statement(
      "a checkpoint put in the place of a later one",
      `update log_checkpoint set (body, signature) = ${older} where ${ofOne} and ${lastSeq}`,
    ),
    statement(
      "a checkpoint moved",
      `update log_checkpoint set seq = seq + 1 where ${ofOne} and ${lastSeq}`,
    ),
    statement("the checkpoints removed", `delete from log_checkpoint where ${ofOne}`),
  ];
}

/** Denials of the last segments become ALLOWED, everything is linked anew, checkpoints on it go. */
async function forgeTail(copy: LogCopy): Promise<void> {
  const segments = await copy.segments("one");
  const { segment, index, text } = rowWith(segments.toReversed(), '"verdict":"denied"');
  segment.rows[index] = text.replace('"verdict":"denied"', '"verdict":"allowed"');
  await copy.store(segment);
  await copy.relink("one");
  const lost = [tenant, "one", segment.firstSeq];
  await copy.run(
    "delete from log_checkpoint where tenant_id = $1 and chain = $2 and seq >= $3",
    ...lost,
  );
}

async function forgeSignedTail(copy: LogCopy): Promise<void> {
  await forgeTail(copy);
  await sign(copy);
}

async function rebuild(copy: LogCopy): Promise<void> {
  const segments = await copy.segments("one");
  for (const segment of segments) {
    segment.rows = segment.rows.map((row) => row.replace('"actors":["agent:bot"]', '"actors":[]'));
  }
  await copy.store(...segments);
  await copy.relink("one");
  await copy.run(`delete from log_checkpoint where ${ofOne}`);
  await sign(copy);
}

/** With a key that is as good as any but for being nobody's. */
async function sign(copy: LogCopy): Promise<void> {
  const key = readSigningKey(makeSigningKey());
  const end = (await copy.segments("one")).at(-1);
  if (key === undefined || end === undefined) throw new Error("there is nothing to sign");
  const seq = end.lastSeq;
  const hash = end.hashes.at(-1) ?? "";
  const { body, signature } = key.sign({ tenant, chain: "one", seq, hash, atMs: Date.now() });
  await copy.run(
    "insert into log_checkpoint values ($1, $2, $3, $4, $5)",
    tenant,
    "one",
    seq,
    body,
    Buffer.from(signature, "base64url"),
  );
}

async function forgeAge(copy: LogCopy): Promise<void> {
  const [first, ...rest] = await copy.segments("one");
  const last = rest.at(-1);
  if (first === undefined || last === undefined) throw new Error("the chain is too short");
  const seq = last.lastSeq + 1;
  const row = {
    at: Date.now(),
    before: Date.now(),
    chain: "one",
    hash: first.hashes.at(-1) ?? "",
    kind: "retention",
    of: "one",
    seq,
    tenant,
    through: first.lastSeq,
  };
  last.rows.push(canonicalJson(row));
  await copy.run(`delete from log_segment where ${ofOne} and first_seq = $1`, first.firstSeq);
  await copy.run(
    `update log_segment set last_seq = $1, to_ms = $2 where ${ofOne} and first_seq = $3`,
    seq,
    row.at,
    last.firstSeq,
  );
  const hash = linkRow(last.hashes.at(-1) ?? "", canonicalJson(row));
  last.hashes.push(hash);
  await copy.store(last);
  await copy.run(
    `update log_chain set head_seq = $1, head_hash = $2 where ${ofOne}`,
    seq,
    Buffer.from(hash, "hex"),
  );
}

async function exchangeNodes(copy: LogCopy): Promise<void> {
  const [one, two] = [longest(await copy.segments("one")), longest(await copy.segments("two"))];
  await copy.store({ ...one, rows: two.rows, hashes: two.hashes });
  await copy.store({ ...two, rows: one.rows, hashes: one.hashes });
}

async function exchangeChains(copy: LogCopy): Promise<void> {
  for (const table of ["log_segment", "log_chain", "log_checkpoint"]) {
    for (const [from, to] of [
      ["one", "none"],
      ["two", "one"],
      ["none", "two"],
    ]) {
      await copy.run(
        `update ${table} set chain = $2 where tenant_id = 'default' and chain = $1`,
        from,
        to,
      );
    }
  }
}
