import { ConnectError } from "@connectrpc/connect";
import { ErrorDetailSchema } from "../gen/prokura/v1/core_pb.ts";
import { errorDetailToProto, retryInfo, statusFromError } from "./errors.ts";
import type { ReportBug } from "./stream-check.ts";

/** Whatever was thrown as Connect says it, with our detail. */
export function connectErrorFrom(thrown: unknown, reportBug: ReportBug): ConnectError {
  // What Connect itself throws while it reads a message has its status already.
  if (thrown instanceof ConnectError) return thrown;
  const { status, error, message } = statusFromError(thrown);
  if (error === undefined) reportBug(thrown);
  const made = new ConnectError(
    message,
    status,
    { "prokura-code": error?.code ?? "internal" },
    error === undefined ? [] : [{ desc: ErrorDetailSchema, value: errorDetailToProto(error) }],
  );
  if (error !== undefined) made.details.push(...retryInfo(error));
  return made;
}
