import type { MessageInitShape } from "@bufbuild/protobuf";
import { DomainError } from "../core/error.ts";
import {
  Expectation,
  TupleService,
  type DeleteTuplesRequest,
  type ExportTuplesRequest,
  type ExportTuplesResponseSchema,
  type Precondition as PreconditionProto,
  type ReadTuplesRequest,
  type TupleOperation,
  type WriteTuplesRequest,
} from "../gen/prokura/v1/tuple_pb.ts";
import type { Tuples } from "../service/tuples.ts";
import { inTenant, type CallContext, type Handlers } from "./call.ts";
import { atMost, malformed, textFromProto } from "./field.ts";
import { contractLimits, type RequestLimits } from "./limits.ts";
import { filterFromProto, narrowFilterFromProto, tupleFromProto, tupleToProto } from "./nouns.ts";
import {
  consistencyFromProto,
  optionsFromProto,
  pageFromProto,
  resultToProto,
  tenantFromProto,
  tokenFromProto,
} from "./request.ts";
import { importTuples } from "./tuple-import.ts";
import { watchEventsToProto, watchFromProto } from "./watch.ts";

type WriteRequest = Parameters<Tuples["write"]>[1];
type Step = WriteRequest["steps"][number];
type Precondition = WriteRequest["preconditions"][number];

const exportCursorBytesMax = 4_096;

export function tupleHandlers(tuples: Tuples, limits: RequestLimits): Handlers {
  const { method } = TupleService;
  return (transport) => {
    transport.unary(method.writeTuples, (request, call) => write(tuples, limits, request, call));
    transport.unary(method.readTuples, (request, call) => read(tuples, limits, request, call));
    transport.unary(method.deleteTuples, (request, call) => deleteMatching(tuples, request, call));
    transport.clientStream(method.importTuples, (requests, call) =>
      importTuples(tuples, limits, requests, call),
    );
    transport.serverStream(method.exportTuples, (request, call) =>
      exportMatching(tuples, request, call),
    );
    transport.serverStream(method.watch, (request, call) =>
      watchEventsToProto(
        tuples.watch(inTenant(call, tenantFromProto(request.tenant)), watchFromProto(request)),
      ),
    );
    transport.unary(method.waitFor, async (request, call) => {
      const context = inTenant(call, tenantFromProto(request.tenant));
      const result = await tuples.waitFor(context, tokenFromProto(request.token, "token"));
      return { result: resultToProto(result) };
    });
  };
}

async function write(
  tuples: Tuples,
  limits: RequestLimits,
  request: WriteTuplesRequest,
  call: CallContext,
) {
  const { operations, preconditions } = request;
  if (operations.length === 0) throw malformed("operations", "must have at least one operation");
  atMost(operations.length, limits.operationsMax, "operations");
  atMost(preconditions.length, contractLimits.preconditions, "preconditions");
  const { created, deleted, result } = await tuples.write(
    inTenant(call, tenantFromProto(request.tenant)),
    {
      steps: operations.map((operation, index) =>
        stepFromProto(operation, limits, `operations[${index}]`),
      ),
      preconditions: preconditions.map((precondition, index) =>
        preconditionFromProto(precondition, `preconditions[${index}]`),
      ),
    },
    optionsFromProto(request.options),
  );
  return { result: resultToProto(result), createdCount: created, deletedCount: deleted };
}

function stepFromProto({ operation }: TupleOperation, limits: RequestLimits, field: string): Step {
  if (operation.case === undefined) {
    throw malformed(field, "must have a tuple to create, touch or delete");
  }
  return {
    kind: operation.case,
    tuple: tupleFromProto(operation.value, limits, `${field}.${operation.case}`),
  };
}

function preconditionFromProto(precondition: PreconditionProto, field: string): Precondition {
  const filter = narrowFilterFromProto(precondition.filter, `${field}.filter`);
  const { expectation } = precondition;
  if (expectation === Expectation.MUST_EXIST) return { kind: "must_exist", filter };
  if (expectation === Expectation.MUST_NOT_EXIST) return { kind: "must_not_exist", filter };
  // The enum is open: a newer client may expect what this server cannot judge.
  throw malformed(`${field}.expectation`, "must say whether tuples must or must not exist");
}

async function read(
  tuples: Tuples,
  limits: RequestLimits,
  request: ReadTuplesRequest,
  call: CallContext,
) {
  const page = await tuples.read(
    inTenant(call, tenantFromProto(request.tenant)),
    filterFromProto(request.filter, "filter"),
    pageFromProto(request, limits),
    consistencyFromProto(request.consistency),
  );
  return {
    tuples: page.items.map(tupleToProto),
    nextPageToken: page.nextPageToken ?? "",
    token: page.token,
  };
}

async function deleteMatching(tuples: Tuples, request: DeleteTuplesRequest, call: CallContext) {
  const { limit } = request;
  const { deletedTuples } = contractLimits;
  if (limit > deletedTuples) {
    throw new DomainError(
      "limit_exceeded",
      `limit is ${limit}, at most ${deletedTuples} tuples are deleted a call`,
      { field: "limit" },
    );
  }
  const { deleted, more, result } = await tuples.delete(
    inTenant(call, tenantFromProto(request.tenant)),
    {
      filter: narrowFilterFromProto(request.filter, "filter"),
      limit: limit === 0 ? deletedTuples : limit,
      dryRun: request.dryRun,
    },
    optionsFromProto(request.options),
  );
  return {
    deletedCount: BigInt(deleted),
    more,
    ...(result === undefined ? {} : { result: resultToProto(result) }),
  };
}

async function* exportMatching(
  tuples: Tuples,
  request: ExportTuplesRequest,
  call: CallContext,
): AsyncGenerator<MessageInitShape<typeof ExportTuplesResponseSchema>> {
  const consistency = consistencyFromProto(request.consistency);
  const cursor = textFromProto(request.cursor, exportCursorBytesMax, "cursor");
  if (cursor !== "" && consistency.kind !== "default") {
    throw malformed("consistency", "must not be set beside a cursor, which names a revision");
  }
  const chunks = tuples.export(
    inTenant(call, tenantFromProto(request.tenant)),
    filterFromProto(request.filter, "filter"),
    cursor,
    consistency,
  );
  for await (const chunk of chunks) {
    yield {
      tuples: chunk.tuples.map(tupleToProto),
      cursor: chunk.cursor,
      token: chunk.token,
    };
  }
}
