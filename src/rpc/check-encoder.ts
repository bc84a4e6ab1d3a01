import { create, toBinary, type MessageInitShape } from "@bufbuild/protobuf";
import type {
  BatchCheckResponseSchema,
  CheckRelationResponseSchema,
  CheckResponseSchema,
  CheckResultSchema,
  StreamCheckResponseSchema,
} from "../gen/prokura/v1/authorization_pb.ts";
import { ErrorDetailSchema } from "../gen/prokura/v1/core_pb.ts";
import { framePrefixBytes } from "./grpc-framing.ts";
import { isWritable, WireWriter } from "./wire-writer.ts";

type Decision = MessageInitShape<typeof CheckResponseSchema>;
type Result = MessageInitShape<typeof CheckResultSchema>;

// Tags as in check-decoder.ts. A message with a field that stands in none of these functions is
// `undefined`: somebody slower has to encode it. Nothing here waits, so one writer will do for all.
const writer = new WireWriter();

export function encodeCheck(message: Decision): Buffer | undefined {
  writer.start(framePrefixBytes);
  return writeDecision(message) ? framed() : undefined;
}

export function encodeBatchCheck(
  message: MessageInitShape<typeof BatchCheckResponseSchema>,
): Buffer | undefined {
  writer.start(framePrefixBytes);
  for (const result of message.results ?? []) {
    if (!writeResult(10, result)) return undefined;
  }
  writer.text(18, message.token ?? "");
  return framed();
}

export function encodeStreamCheck(
  message: MessageInitShape<typeof StreamCheckResponseSchema>,
): Buffer | undefined {
  const { tag = 0n, results = [], token = "", error } = message;
  if (!isWritable(tag)) return undefined;
  writer.start(framePrefixBytes);
  writer.number(8, Number(tag));
  for (const result of results) {
    if (!writeResult(18, result)) return undefined;
  }
  writer.text(26, token);
  if (error !== undefined) writer.message(34, encodeError(error));
  return framed();
}

export function encodeCheckRelation(
  message: MessageInitShape<typeof CheckRelationResponseSchema>,
): Buffer | undefined {
  if (message.explanation !== undefined) return undefined;
  writer.start(framePrefixBytes);
  writer.number(8, message.member === true ? 1 : 0);
  writer.text(18, message.token ?? "");
  return framed();
}

function framed(): Buffer {
  const bytes = writer.finish();
  bytes[0] = 0;
  bytes.writeUInt32BE(bytes.length - framePrefixBytes, 1);
  return bytes;
}

/** False where it has something that is not written here. */
function writeResult(tag: number, { result }: Result): boolean {
  const start = writer.begin(tag);
  switch (result?.case) {
    case "decision": {
      const inner = writer.begin(10);
      if (!writeDecision(result.value)) return false;
      writer.end(inner);
      break;
    }
    case "error":
      writer.message(18, encodeError(result.value));
      break;
    case undefined:
      break;
  }
  writer.end(start);
  return true;
}

function writeDecision(message: Decision): boolean {
  const { validUntil, explanation, obligations, usesLeft, definitionHash } = message;
  if (explanation !== undefined || obligations !== undefined) return false;
  if (usesLeft !== undefined || definitionHash !== undefined) return false;
  writer.number(8, message.verdict ?? 0);
  writer.number(16, message.reason ?? 0);
  writer.text(26, message.detail ?? "");
  for (const id of message.delegationIds ?? []) writer.element(34, id);
  writer.text(42, message.token ?? "");
  if (validUntil !== undefined) {
    const { seconds = 0n, nanos = 0 } = validUntil;
    if (!isWritable(seconds) || nanos < 0) return false;
    const start = writer.begin(50);
    writer.number(8, Number(seconds));
    writer.number(16, nanos);
    writer.end(start);
  }
  writer.text(58, message.decisionId ?? "");
  for (const name of message.missingContext ?? []) writer.element(66, name);
  writer.text(106, message.modelId ?? "");
  return true;
}

function encodeError(error: MessageInitShape<typeof ErrorDetailSchema>): Uint8Array {
  return toBinary(ErrorDetailSchema, create(ErrorDetailSchema, error));
}
