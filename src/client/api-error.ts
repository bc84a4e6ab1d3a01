import { fromBinary } from "@bufbuild/protobuf";
import { BinaryReader } from "@bufbuild/protobuf/wire";
import { status, type ServiceError } from "@grpc/grpc-js";
import { ErrorDetailSchema, type ErrorDetail } from "../gen/prokura/v1/core_pb.ts";

/**
 * A call that was not answered. It is never a denial: a denial is an answer.
 *
 * `code` is the stable code of the contract. It is a plain string, unlike `DomainError`'s, because a
 * later server may know codes that this client does not.
 */
export class ApiError extends Error {
  readonly code: string;
  readonly detail: ErrorDetail | undefined;
  /** The same call may succeed later as it stands. Whether a repetition is safe is another question. */
  readonly retriable: boolean;

  constructor(
    code: string,
    message: string,
    facts: { detail?: ErrorDetail; cause?: unknown } = {},
  ) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.name = "ApiError";
    this.code = code;
    this.detail = facts.detail;
    this.retriable = retriableCodes.has(code);
  }
}

const retriableCodes: ReadonlySet<string> = new Set([
  "not_serving",
  "revision_ahead",
  "limit_exceeded",
  "write_conflict",
  "deadline_exceeded",
]);

/** What a status means where its sender is not the service itself: a proxy, or the transport. */
const codeOfStatus: Readonly<Record<number, string>> = {
  [status.CANCELLED]: "cancelled",
  [status.INVALID_ARGUMENT]: "malformed",
  [status.DEADLINE_EXCEEDED]: "deadline_exceeded",
  [status.PERMISSION_DENIED]: "caller_not_permitted",
  [status.RESOURCE_EXHAUSTED]: "limit_exceeded",
  [status.UNIMPLEMENTED]: "not_supported",
  [status.UNAVAILABLE]: "not_serving",
  [status.UNAUTHENTICATED]: "unauthenticated",
};

export function errorFromStatus(failure: ServiceError): ApiError {
  const detail = detailOf(failure);
  const [trailer] = failure.metadata.get("prokura-code");
  const code =
    detail?.code ??
    (trailer === undefined ? undefined : String(trailer)) ??
    codeOfStatus[failure.code] ??
    "internal";
  return new ApiError(code, detail?.message || failure.details, {
    ...(detail === undefined ? {} : { detail }),
    cause: failure,
  });
}

/** Finds our detail in a `google.rpc.Status`: field 3, a repeated `Any` of type name (1) and bytes (2). */
function detailOf(failure: ServiceError): ErrorDetail | undefined {
  const [bytes] = failure.metadata.get("grpc-status-details-bin");
  if (!(bytes instanceof Uint8Array)) return undefined;
  try {
    return bytesOfField(bytes, 3)
      .map(detailFromAny)
      .find((detail) => detail !== undefined);
  } catch {
    // A broken detail must not hide the status that came with it.
    return undefined;
  }
}

function detailFromAny(any: Uint8Array): ErrorDetail | undefined {
  const [typeUrl] = bytesOfField(any, 1);
  const [value] = bytesOfField(any, 2);
  const type = new TextDecoder().decode(typeUrl);
  if (!type.endsWith(`/${ErrorDetailSchema.typeName}`) || value === undefined) return undefined;
  return fromBinary(ErrorDetailSchema, value);
}

function bytesOfField(message: Uint8Array, field: number): Uint8Array[] {
  const reader = new BinaryReader(message);
  const found: Uint8Array[] = [];
  while (reader.pos < reader.len) {
    const [number, wireType] = reader.tag();
    if (number === field) found.push(reader.bytes());
    else reader.skip(wireType, number);
  }
  return found;
}
