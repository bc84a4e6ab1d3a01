import type { OutgoingHttpHeaders } from "node:http2";
import type { Code } from "@connectrpc/connect";
import { statusDetails, statusFromError, type RpcStatus } from "./errors.ts";

/** The end of a call as the trailers tell it. */
export interface WireStatus {
  readonly status: Code;
  readonly message: string;
  readonly trailers?: OutgoingHttpHeaders;
  /** Nobody foresaw it: it is to be reported. */
  readonly isBug?: boolean;
}

/** The status with our detail beside it, for clients that know it and for those that read headers only. */
export function wireStatus(thrown: unknown): WireStatus {
  const status: RpcStatus = statusFromError(thrown);
  return {
    status: status.status,
    message: status.message,
    isBug: status.error === undefined,
    trailers: {
      "grpc-status-details-bin": Buffer.from(statusDetails(status)).toString("base64"),
      "prokura-code": status.error?.code ?? "internal",
    },
  };
}

/** Headers after the messages, or in place of them. */
export function trailersOf({ status, message, trailers }: WireStatus): OutgoingHttpHeaders {
  return { "grpc-status": status, "grpc-message": encodeURI(message.toWellFormed()), ...trailers };
}
