import { create, toBinary, type MessageInitShape } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { DurationSchema } from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";
import { DomainError, type ErrorCode } from "../core/error.ts";
import { ErrorDetailSchema, Severity } from "../gen/prokura/v1/core_pb.ts";
import { durationToProto } from "./time.ts";

/** An error as every transport sends it. The numbers of `Code` are those of gRPC. */
export interface RpcStatus {
  readonly status: Code;
  readonly error: DomainError | undefined;
  readonly message: string;
}

/** What a client is told of an error that nobody foresaw. */
const internalMessage = "internal error";

/** An `ErrorCode` without a status does not compile. */
const statusOf: Readonly<Record<ErrorCode, Code>> = {
  malformed: Code.InvalidArgument,
  unauthenticated: Code.Unauthenticated,
  caller_not_permitted: Code.PermissionDenied,
  attenuation_violated: Code.PermissionDenied,
  unknown_relation: Code.InvalidArgument,
  unknown_type: Code.InvalidArgument,
  model_rejected: Code.InvalidArgument,
  model_not_found: Code.NotFound,
  model_missing: Code.FailedPrecondition,
  model_mismatch: Code.FailedPrecondition,
  no_delegations: Code.FailedPrecondition,
  context_missing: Code.InvalidArgument,
  not_enforced: Code.Aborted,
  outcome_unknown: Code.Unknown,
  not_serving: Code.Unavailable,
  idempotency_mismatch: Code.AlreadyExists,
  limit_exceeded: Code.ResourceExhausted,
  precondition_failed: Code.FailedPrecondition,
  delegation_not_found: Code.NotFound,
  tenant_not_found: Code.NotFound,
  key_not_found: Code.NotFound,
  decision_not_found: Code.NotFound,
  tenant_exists: Code.AlreadyExists,
  tuple_exists: Code.AlreadyExists,
  tuple_refused: Code.FailedPrecondition,
  write_conflict: Code.Aborted,
  revision_expired: Code.OutOfRange,
  revision_ahead: Code.Unavailable,
  budget_exceeded: Code.ResourceExhausted,
  cancelled: Code.Canceled,
  deadline_exceeded: Code.DeadlineExceeded,
  not_supported: Code.Unimplemented,
};

/**
 * The status of whatever was thrown. What is no `DomainError` is a bug: it is INTERNAL, and its words
 * stay in the process.
 */
export function statusFromError(thrown: unknown): RpcStatus {
  if (!(thrown instanceof DomainError)) {
    return { status: Code.Internal, error: undefined, message: internalMessage };
  }
  return { status: statusOf[thrown.code], error: thrown, message: oneLine(thrown.message) };
}

export function errorDetailToProto(error: DomainError): MessageInitShape<typeof ErrorDetailSchema> {
  const { field, hint, token, names, findings, cursor, retryAfterMs } = error.facts;
  return {
    code: error.code,
    message: oneLine(error.message),
    ...(field === undefined ? {} : { field }),
    ...(hint === undefined ? {} : { hint }),
    ...(token === undefined ? {} : { token }),
    ...(names === undefined ? {} : { names: [...names] }),
    ...(cursor === undefined ? {} : { cursor }),
    ...(retryAfterMs === undefined ? {} : { retryAfter: durationToProto(retryAfterMs) }),
    findings: (findings ?? []).map((finding) => ({
      severity: Severity.ERROR,
      code: finding.code,
      module: finding.file ?? "",
      line: finding.line,
      column: finding.column,
      message: finding.message,
      hint: finding.hint,
    })),
  };
}

/** The error of one item of a batch: a bug in one item is told like a bug in a whole call. */
export function itemErrorToProto(thrown: unknown): MessageInitShape<typeof ErrorDetailSchema> {
  return thrown instanceof DomainError
    ? errorDetailToProto(thrown)
    : { code: "internal", message: internalMessage };
}

/** What a user wrote may stand in a message, and a header takes neither line ends nor half characters. */
function oneLine(message: string): string {
  return message.replace(/[\p{Cc}\p{Cs}]/gu, "?");
}

/** `google.rpc.Status` with our detail in it, as `grpc-status-details-bin` carries it. */
export function statusDetails(status: RpcStatus): Uint8Array {
  const writer = new BinaryWriter()
    .tag(1, WireType.Varint)
    .int32(status.status)
    .tag(2, WireType.LengthDelimited)
    .string(status.message);
  if (status.error === undefined) return writer.finish();
  const detail = create(ErrorDetailSchema, errorDetailToProto(status.error));
  const details = [
    anyOf(ErrorDetailSchema.typeName, toBinary(ErrorDetailSchema, detail)),
    ...retryInfo(status.error).map(({ type, value }) => anyOf(type, value)),
  ];
  for (const any of details) writer.tag(3, WireType.LengthDelimited).bytes(any);
  return writer.finish();
}

/** When to come again, for clients that read it by themselves; empty where that is not known. */
export function retryInfo({
  facts: { retryAfterMs },
}: DomainError): readonly { readonly type: string; readonly value: Uint8Array }[] {
  if (retryAfterMs === undefined) return [];
  const delay = toBinary(DurationSchema, create(DurationSchema, durationToProto(retryAfterMs)));
  const value = new BinaryWriter().tag(1, WireType.LengthDelimited).bytes(delay).finish();
  return [{ type: "google.rpc.RetryInfo", value }];
}

function anyOf(type: string, value: Uint8Array): Uint8Array {
  return new BinaryWriter()
    .tag(1, WireType.LengthDelimited)
    .string(`type.googleapis.com/${type}`)
    .tag(2, WireType.LengthDelimited)
    .bytes(value)
    .finish();
}
