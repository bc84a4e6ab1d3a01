import type { OutgoingHttpHeaders, ServerHttp2Stream } from "node:http2";
import type { CallStream, EndOfCall, StreamReader } from "./call-stream.ts";
import { trailersOf } from "./http2-status.ts";

const contentType = "application/grpc+proto";
const okHeaders: readonly string[] = [
  ":status",
  "200",
  "content-type",
  contentType,
  "grpc-accept-encoding",
  "identity,deflate,gzip",
  "grpc-encoding",
  "identity",
];
const ok: OutgoingHttpHeaders = { "grpc-status": "0", "grpc-message": "OK" };
const ignore = (): void => {};

/** A stream of `node:http2`. */
export class NodeStream implements CallStream {
  readonly #stream: ServerHttp2Stream;
  #reader: StreamReader | undefined;
  #trailers: OutgoingHttpHeaders = ok;

  constructor(stream: ServerHttp2Stream) {
    this.#stream = stream;
    stream.on("error", ignore); // It is followed by `close`.
  }

  attach(reader: StreamReader): void {
    this.#reader = reader;
    this.#stream.on("close", () => reader.closed());
  }

  start(): void {
    const reader = this.#reader;
    if (reader === undefined) return;
    this.#stream.on("data", (chunk: Buffer) => reader.data(chunk));
    this.#stream.on("end", () => reader.ended());
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  ignore(): void {
    this.#stream.resume();
  }

  write(bytes: Buffer): boolean {
    this.#begin();
    return this.#stream.write(bytes);
  }

  drained(proceed: () => void): void {
    this.#stream.once("drain", proceed);
  }

  finish(end: EndOfCall, bytes?: Buffer): void {
    const stream = this.#stream;
    // It may be gone, and `close` not yet told.
    if (stream.destroyed || stream.closed) return;
    const trailers = end === "ok" ? ok : trailersOf(end);
    if (bytes !== undefined) this.#begin();
    if (!stream.headersSent) {
      const headers = { ":status": 200, "content-type": contentType, ...trailers };
      stream.respond(headers, { endStream: true });
      return;
    }
    this.#trailers = trailers;
    if (bytes === undefined) stream.end();
    else stream.end(bytes);
  }

  /** Answers what is no gRPC. */
  refuse(): void {
    this.#stream.respond({ ":status": 415 }, { endStream: true });
  }

  #begin(): void {
    const stream = this.#stream;
    if (stream.headersSent || stream.destroyed || stream.closed) return;
    stream.on("wantTrailers", () => stream.sendTrailers(this.#trailers));
    stream.respond(okHeaders, { waitForTrailers: true });
  }
}
