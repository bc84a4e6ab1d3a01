import type { MessageInitShape } from "@bufbuild/protobuf";
import type { LogBase, LogPart, SegmentPart } from "../audit/log-part.ts";
import type { LogReport } from "../audit/verify-log.ts";
import { canonicalJson } from "../core/json.ts";
import type {
  ExportLogResponseSchema,
  LogBaseSchema,
  LogSegmentSchema,
  VerifyLogResponseSchema,
} from "../gen/prokura/v1/audit_pb.ts";
import { timestampToProto } from "./time.ts";

export async function* logPartsToProto(
  parts: AsyncIterable<LogPart>,
): AsyncGenerator<MessageInitShape<typeof ExportLogResponseSchema>> {
  for await (const part of parts) yield { part: partToProto(part) };
}

type PartProto = NonNullable<MessageInitShape<typeof ExportLogResponseSchema>["part"]>;

function partToProto(part: LogPart): PartProto {
  switch (part.kind) {
    case "checkpoint": {
      const { chain = "", seq = 0 } = part.at ?? {};
      return {
        case: "checkpoint",
        value: { checkpoint: part.signed, chain, seq: BigInt(seq) },
      };
    }
    case "chain": {
      const { chain, headSeq, headHash, base } = part;
      const value = { chain, headSeq: BigInt(headSeq), headHash, base: baseToProto(base) };
      return { case: "chain", value };
    }
    case "changes":
      return {
        case: "changes",
        value: { base: baseToProto(part.base), head: BigInt(part.head) },
      };
    case "live": {
      const { id: modelId = "", sources = "", parsed = "" } = part.model ?? {};
      return { case: "live", value: { modelId, sources, parsed } };
    }
    case "tuples":
      return { case: "tuples", value: { rows: part.rows.map(canonicalJson) } };
    case "segment":
      return { case: "segment", value: segmentToProto(part) };
    case "revision": {
      const { facts, digest, content, signed } = part;
      return {
        case: "revision",
        value: {
          facts: canonicalJson({ ...facts }),
          digest,
          ...(content === undefined ? {} : { content: canonicalJson({ ...content }) }),
          ...(signed === undefined
            ? {}
            : { signature: signed.signature, signedCount: signed.count }),
        },
      };
    }
  }
}

function baseToProto({ seq, hash }: LogBase): MessageInitShape<typeof LogBaseSchema> {
  return { seq: BigInt(seq), hash };
}

function segmentToProto(part: SegmentPart): MessageInitShape<typeof LogSegmentSchema> {
  const { chain, firstSeq, rows, hashes, index } = part;
  return {
    chain,
    firstSeq: BigInt(firstSeq),
    ...(rows === undefined ? {} : { rows: rows.join("\n") }),
    hashes: Buffer.from(hashes.join(""), "hex"),
    lastSeq: BigInt(index?.lastSeq ?? 0),
    fromMs: BigInt(index?.fromMs ?? 0),
    toMs: BigInt(index?.toMs ?? 0),
    decisionSource: index?.decisions?.source ?? "",
    decisionFirst: BigInt(index?.decisions?.first ?? 0),
    decisionLast: BigInt(index?.decisions?.last ?? 0),
    terms: (index?.terms ?? []).map(BigInt),
  };
}

export function reportToProto(report: LogReport): MessageInitShape<typeof VerifyLogResponseSchema> {
  const { findings, findingCount, chains, gaps, gapCount, changes, live, hasEvidence, keys } =
    report;
  return {
    findings: findings.map(({ code, chain, seq, message }) => ({
      code,
      chain,
      seq: BigInt(seq),
      message,
    })),
    findingCount: BigInt(findingCount),
    chains: chains.map((one) => ({
      chain: one.chain,
      rows: BigInt(one.rows),
      firstSeq: BigInt(one.firstSeq),
      lastSeq: BigInt(one.lastSeq),
      signedSeq: BigInt(one.signedSeq),
      provenSeq: BigInt(one.provenSeq),
    })),
    gaps: gaps.map(({ chain, seq, dropped, fromMs, toMs }) => ({
      chain,
      seq: BigInt(seq),
      dropped: BigInt(dropped),
      from: timestampToProto(fromMs),
      ...(toMs === undefined ? {} : { until: timestampToProto(toMs) }),
    })),
    gapCount: BigInt(gapCount),
    unsealed: BigInt(changes.unsealed),
    unsigned: BigInt(changes.unsigned),
    liveRevision: BigInt(live.revision),
    liveTuples: BigInt(live.tuples),
    liveBound: live.isBound,
    keys: [...keys],
    firstRevision: BigInt(changes.firstRevision),
    lastRevision: BigInt(changes.lastRevision),
    provenRevision: BigInt(changes.provenRevision),
    contents: BigInt(changes.contents),
    hasEvidence,
  };
}
