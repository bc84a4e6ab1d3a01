import type { OutgoingHttpHeaders } from "node:http2";
import type { Code } from "@connectrpc/connect";
import { statusDetails, statusFromError, type RpcStatus } from "./errors.ts";

const echoedMax = 128;

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

/**
 * What a client sent, as it is said back to it: cut, and without what takes more room on the wire than
 * here. From the second time on it may have cost the client a single byte.
 */
export function echoed(text: string): string {
  return text.slice(0, echoedMax).replaceAll(/[^\w./:=+-]/g, "?");
}

/** Headers after the messages, or in place of them. */
export function trailersOf({ status, message, trailers }: WireStatus): OutgoingHttpHeaders {
  return { "grpc-status": status, "grpc-message": encodeURI(message.toWellFormed()), ...trailers };
}
