import type { MessageInitShape } from "@bufbuild/protobuf";
import { DomainError } from "../core/error.ts";
import type {
  ImportTuplesRequest,
  ImportTuplesResponseSchema,
} from "../gen/prokura/v1/tuple_pb.ts";
import type { ImportChunk, Tuples } from "../service/tuples.ts";
import { inTenant, type CallContext } from "./call.ts";
import { atMost, malformed, textFromProto } from "./field.ts";
import { contractLimits, type RequestLimits } from "./limits.ts";
import { tupleFromProto } from "./nouns.ts";
import { optionsWithoutKeyFromProto, resultToProto, tenantFromProto } from "./request.ts";

/**
 * Reads the tenant and the options from the first message, then hands the chunks on as they come: the
 * next one is read when the service asks for it.
 */
export async function importTuples(
  tuples: Tuples,
  limits: RequestLimits,
  requests: AsyncIterable<ImportTuplesRequest>,
  call: CallContext,
): Promise<MessageInitShape<typeof ImportTuplesResponseSchema>> {
  const messages = requests[Symbol.asyncIterator]();
  const first = await messages.next();
  if (first.done === true) {
    throw new DomainError("malformed", "an import must have at least one message");
  }
  const { imported, cursor, result } = await tuples.import(
    inTenant(call, tenantFromProto(first.value.tenant)),
    chunksFrom(first.value, messages, limits),
    optionsWithoutKeyFromProto(first.value.options, "an import can be repeated as it is"),
  );
  return { importedCount: BigInt(imported), cursor, result: resultToProto(result) };
}

async function* chunksFrom(
  first: ImportTuplesRequest,
  rest: AsyncIterator<ImportTuplesRequest>,
  limits: RequestLimits,
): AsyncGenerator<ImportChunk> {
  yield chunkFromProto(first, limits);
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) {
    const { tenant, options } = next.value;
    if (tenant !== "") throw malformed("tenant", "must be empty but in the first message");
    if (options !== undefined)
      throw malformed("options", "must be absent but in the first message");
    yield chunkFromProto(next.value, limits);
  }
}

function chunkFromProto(message: ImportTuplesRequest, limits: RequestLimits): ImportChunk {
  atMost(message.tuples.length, contractLimits.importedTuples, "tuples");
  return {
    tuples: message.tuples.map((tuple, index) => tupleFromProto(tuple, limits, `tuples[${index}]`)),
    cursor: textFromProto(message.cursor, contractLimits.cursorBytes, "cursor"),
  };
}
