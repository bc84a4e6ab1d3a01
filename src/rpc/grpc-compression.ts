import { gunzip, inflate } from "node:zlib";
import { Code } from "@connectrpc/connect";
import { echoed, type WireStatus } from "./http2-status.ts";

/** Takes the message out of its compression, off this thread. Never calls back in this tick. */
export function decompress(
  bytes: Buffer,
  encoding: string,
  bytesMax: number,
  done: (outcome: Buffer | WireStatus) => void,
): void {
  const finish = (error: NodeJS.ErrnoException | null, message: Buffer): void => {
    if (error === null) done(message);
    else if (error.code === "ERR_BUFFER_TOO_LARGE") done(tooLarge(bytesMax));
    else done({ status: Code.Internal, message: "Failed to decompress message" });
  };
  const limit = { maxOutputLength: bytesMax };
  switch (encoding) {
    case "gzip":
      gunzip(bytes, limit, finish);
      return;
    case "deflate":
      inflate(bytes, limit, finish);
      return;
    default:
      queueMicrotask(() =>
        done({
          status: Code.Unimplemented,
          message: `Received message compressed with unsupported encoding "${echoed(encoding)}"`,
        }),
      );
  }
}

function tooLarge(bytesMax: number): WireStatus {
  return {
    status: Code.ResourceExhausted,
    message: `Received message that decompresses to a size larger than ${bytesMax}`,
  };
}
