import type { MessageInitShape } from "@bufbuild/protobuf";
import { DomainError } from "../core/error.ts";
import { quote } from "../core/object.ts";
import type {
  Consistency as ConsistencyProto,
  MutationOptions as MutationOptionsProto,
  WriteResultSchema,
} from "../gen/prokura/v1/core_pb.ts";
import type { Consistency, MutationOptions, PageRequest, WriteResult } from "../service/request.ts";
import { malformed, requiredTextFromProto, textFromProto } from "./field.ts";
import { contractLimits, type RequestLimits } from "./limits.ts";
import { durationToProto, timestampFromProto } from "./time.ts";

const tenantPattern = /^[a-z][a-z0-9_-]{0,62}$/;
const pageSizeDefault = 100;
const tokenBytesMax = 4_096;
const freshByDefault: Consistency = { kind: "default" };

/** Empty means `default`. Of `system`, the service's own, only its administrators get anything. */
export function tenantFromProto(tenant: string): string {
  return tenant === "" ? "default" : tenantNameFromProto(tenant);
}

export function tenantNameFromProto(tenant: string): string {
  if (tenantPattern.test(tenant)) return tenant;
  throw malformed("tenant", `must match [a-z][a-z0-9_-]{0,62}, got ${quote(tenant)}`);
}

export function consistencyFromProto(consistency: ConsistencyProto | undefined): Consistency {
  const mode = consistency?.mode;
  switch (mode?.case) {
    case undefined:
      return freshByDefault;
    case "fullyConsistent":
      return mode.value ? { kind: "fully_consistent" } : freshByDefault;
    case "atLeastAsFresh":
      return {
        kind: "at_least_as_fresh",
        token: tokenFromProto(mode.value, "consistency.at_least_as_fresh"),
      };
    case "atExact": {
      const { revision } = mode.value;
      switch (revision.case) {
        case "token":
          return {
            kind: "at_exact_token",
            token: tokenFromProto(revision.value, "consistency.at_exact.token"),
          };
        case "instant":
          return {
            kind: "at_exact_instant",
            instantMs: timestampFromProto(revision.value, "consistency.at_exact.instant"),
          };
        case undefined:
          throw malformed("consistency.at_exact", "must have a token or an instant");
      }
    }
  }
}

/** A token that must be there. What it says is the service's business. */
export function tokenFromProto(token: string, field: string): string {
  return requiredTextFromProto(token, tokenBytesMax, field);
}

export function optionsFromProto(options: MutationOptionsProto | undefined): MutationOptions {
  const { idempotencyKeyBytes, noteBytes } = contractLimits;
  const key = textFromProto(
    options?.idempotencyKey ?? "",
    idempotencyKeyBytes,
    "options.idempotency_key",
  );
  return {
    ...(key === "" ? {} : { idempotencyKey: key }),
    reason: textFromProto(options?.reason ?? "", noteBytes, "options.reason"),
    skipBarrier: options?.skipBarrier ?? false,
  };
}

/** For mutations that cannot answer the same again. */
export function optionsWithoutKeyFromProto(
  options: MutationOptionsProto | undefined,
  why: string,
): MutationOptions {
  const parsed = optionsFromProto(options);
  if (parsed.idempotencyKey === undefined) return parsed;
  throw malformed("options.idempotency_key", `must be empty: ${why}`);
}

export function pageFromProto(
  request: { readonly pageSize: number; readonly pageToken: string },
  limits: RequestLimits,
): PageRequest {
  const { pageSize, pageToken } = request;
  if (pageSize > limits.pageSizeMax) {
    throw new DomainError(
      "limit_exceeded",
      `page_size is ${pageSize}, at most ${limits.pageSizeMax} are given a page`,
      { field: "page_size" },
    );
  }
  return {
    pageSize: pageSize === 0 ? Math.min(pageSizeDefault, limits.pageSizeMax) : pageSize,
    pageToken: textFromProto(pageToken, tokenBytesMax, "page_token"),
  };
}

export function resultToProto(result: WriteResult): MessageInitShape<typeof WriteResultSchema> {
  return {
    token: result.token,
    nodesAcknowledged: result.nodesAcknowledged,
    waited: durationToProto(result.waitedMs),
    enforced: result.enforced,
  };
}
