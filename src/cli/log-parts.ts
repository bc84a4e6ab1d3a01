import { contentOf, factsOf } from "../audit/export-lines.ts";
import type { LogBase, LogPart } from "../audit/log-part.ts";
import type { Json } from "../core/json.ts";
import { parseObject } from "../audit/log-row.ts";
import { splitHashes } from "../audit/chain.ts";
import type { Client } from "../client/client.ts";
import type { Online } from "./online.ts";

type Answer =
  ReturnType<Client["audit"]["exportLog"]> extends AsyncIterable<
    infer Response extends { part: unknown }
  >
    ? Response["part"]
    : never;
type Value<Case extends string> = Extract<Answer, { case: Case }>["value"];

/** The whole log of the tenant, as the server has it, part by part. */
export async function* readLogParts(online: Online): AsyncGenerator<LogPart, void, undefined> {
  for await (const { part } of online.client.audit.exportLog({ tenant: online.tenant })) {
    const read = partOf(part);
    if (read !== undefined) yield read;
  }
}

function partOf(part: Answer): LogPart | undefined {
  switch (part.case) {
    case "checkpoint": {
      const { checkpoint, chain, seq } = part.value;
      const { body = "", signature = "" } = checkpoint ?? {};
      return { kind: "checkpoint", signed: { body, signature }, at: { chain, seq: Number(seq) } };
    }
    case "chain": {
      const { chain, headSeq, headHash, base } = part.value;
      return { kind: "chain", chain, headSeq: Number(headSeq), headHash, base: baseOf(base) };
    }
    case "changes":
      return {
        kind: "changes",
        base: baseOf(part.value.base),
        head: Number(part.value.head),
      };
    case "live": {
      const { modelId: id, sources, parsed } = part.value;
      return { kind: "live", ...(id === "" ? {} : { model: { id, sources, parsed } }) };
    }
    case "tuples":
      return { kind: "tuples", rows: part.value.rows.map(tupleOf) };
    case "segment":
      return segmentOf(part.value);
    case "revision": {
      const { facts: factsText, digest, content: text, signature, signedCount: count } = part.value;
      const facts = parseObject(factsText) ?? {};
      const content = text === undefined ? undefined : parseObject(text);
      return {
        kind: "revision",
        facts: factsOf(facts),
        digest,
        ...contentOf(content, facts),
        ...(content === undefined ? {} : { content: rowsOf(content) }),
        ...(signature === "" ? {} : { signed: { count, signature } }),
      };
    }
    case undefined:
      return undefined;
  }
}

/** A row that is none is an empty one: it adds up to nothing that was ever written. */
function tupleOf(text: string): readonly Json[] {
  const row = parseObject(`{"row":${text}}`)?.["row"];
  return Array.isArray(row) ? row : [];
}

function baseOf(base: Value<"changes">["base"]): LogBase {
  return { seq: Number(base?.seq ?? 0), hash: base?.hash ?? "" };
}

function segmentOf(segment: Value<"segment">): LogPart {
  const { chain, firstSeq, rows, hashes, lastSeq, fromMs, toMs, terms } = segment;
  const { decisionSource: source, decisionFirst, decisionLast } = segment;
  const range = { source, first: Number(decisionFirst), last: Number(decisionLast) };
  return {
    kind: "segment",
    chain,
    firstSeq: Number(firstSeq),
    rows: rows?.split("\n"),
    hashes: splitHashes(Buffer.from(hashes)),
    index: {
      lastSeq: Number(lastSeq),
      fromMs: Number(fromMs),
      toMs: Number(toMs),
      ...(source === "" ? {} : { decisions: range }),
      terms: terms.map(Number),
    },
  };
}

function rowsOf(content: NonNullable<ReturnType<typeof parseObject>>) {
  const list = (name: string) => {
    const value = content[name];
    return Array.isArray(value) ? value : [];
  };
  return { created: list("created"), deleted: list("deleted"), records: list("records") };
}
