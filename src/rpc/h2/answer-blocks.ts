import type { EndOfCall } from "../call-stream.ts";
import { trailersOf } from "../http2-status.ts";
import { encodeFields } from "./header-block.ts";

const contentType = ["content-type", "application/grpc+proto"] as const;

/** Before the messages of an answer. */
export const headersBlock: Buffer = encodeFields([
  [":status", "200"],
  contentType,
  ["grpc-accept-encoding", "identity,deflate,gzip"],
  ["grpc-encoding", "identity"],
]);

const okBlock = encodeFields([
  ["grpc-status", "0"],
  ["grpc-message", "OK"],
]);

/** In place of an answer to what is no gRPC. */
export const unsupportedBlock: Buffer = encodeFields([[":status", "415"]]);

/** Behind the messages. */
export function trailersBlock(end: EndOfCall): Buffer {
  return end === "ok" ? okBlock : encodeFields(fieldsOf(end));
}

/** In place of messages. */
export function headersAloneBlock(end: EndOfCall): Buffer {
  const trailers: readonly (readonly [string, string])[] =
    end === "ok"
      ? [
          ["grpc-status", "0"],
          ["grpc-message", "OK"],
        ]
      : fieldsOf(end);
  return encodeFields([[":status", "200"], contentType, ...trailers]);
}

function fieldsOf(end: Exclude<EndOfCall, "ok">): readonly (readonly [string, string])[] {
  return Object.entries(trailersOf(end)).map(([name, value]) => [name, String(value)]);
}
