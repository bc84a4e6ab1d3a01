import { fromBinary, fromJsonString } from "@bufbuild/protobuf";
import {
  BatchCheckResponseSchema,
  CheckRelationResponseSchema,
  CheckResponseSchema,
  ListObjectsResponseSchema,
  ListToolsResponseSchema,
  StreamCheckResponseSchema,
  Verdict,
  type CheckResult,
} from "../../src/gen/prokura/v1/authorization_pb.ts";
import { RevokeOutcome, RevokeResponseSchema } from "../../src/gen/prokura/v1/delegation_pb.ts";
import type { LoadCall } from "./job.ts";

/** Whether an answer says what the job expects. */
export function isExpected({ path, expected }: LoadCall, message: Buffer, json: boolean): boolean {
  switch (expected.kind) {
    case "answered":
      return true;
    case "allowed":
      return isAllowed(path, message, json);
    case "member":
      return fromBinary(CheckRelationResponseSchema, message).member;
    case "listed":
      return listed(path, message) === expected.count;
    case "revoked":
      return fromBinary(RevokeResponseSchema, message).outcome === RevokeOutcome.REVOKED;
  }
}

function isAllowed(path: string, message: Buffer, json: boolean): boolean {
  switch (methodOf(path)) {
    case "Check":
      return (
        (json
          ? fromJsonString(CheckResponseSchema, message.toString("utf8"))
          : fromBinary(CheckResponseSchema, message)
        ).verdict === Verdict.ALLOWED
      );
    case "BatchCheck":
      return areAllowed(fromBinary(BatchCheckResponseSchema, message).results);
    case "StreamCheck":
      return areAllowed(fromBinary(StreamCheckResponseSchema, message).results);
    default:
      return false;
  }
}

function areAllowed(results: readonly CheckResult[]): boolean {
  return (
    results.length > 0 &&
    results.every(
      ({ result }) => result.case === "decision" && result.value.verdict === Verdict.ALLOWED,
    )
  );
}

function listed(path: string, message: Buffer): number {
  return methodOf(path) === "ListTools"
    ? fromBinary(ListToolsResponseSchema, message).tools.length
    : fromBinary(ListObjectsResponseSchema, message).objects.length;
}

function methodOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
