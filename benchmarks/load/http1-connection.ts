import { connect, type Socket } from "node:net";
import type { LoadConnection, LoadJob, LoadObserver } from "./job.ts";

/** A client of Connect's unary JSON on a bare socket, one request after the other. */
export class Http1Connection implements LoadConnection {
  readonly #socket: Socket;
  readonly #observer: LoadObserver;
  readonly #job: LoadJob;
  #left: Buffer = Buffer.alloc(0);
  #sentAtMs = 0;

  constructor(job: LoadJob, observer: LoadObserver) {
    this.#observer = observer;
    this.#job = job;
    this.#socket = connect({ port: job.port, host: "127.0.0.1", noDelay: true });
    this.#socket.on("data", (chunk) => this.#receive(chunk));
    this.#socket.on("error", (error) => observer.failed(error.message));
    this.#send();
  }

  fire(): void {
    throw new RangeError("one request after the other: no rate");
  }

  close(): void {
    this.#socket.removeAllListeners("error").on("error", () => {});
    this.#socket.destroy();
  }

  #send(): void {
    const request = this.#observer.next();
    if (request === undefined) return;
    this.#sentAtMs = performance.now();
    this.#socket.write(requestOf(this.#job, request.body));
  }

  #receive(chunk: Buffer): void {
    const bytes = Buffer.concat([this.#left, chunk]);
    this.#left = bytes;
    const headEnd = bytes.indexOf("\r\n\r\n");
    if (headEnd < 0) return;
    const head = bytes.toString("latin1", 0, headEnd);
    const length = Number(/content-length: ([0-9]+)/i.exec(head)?.[1]);
    const end = headEnd + 4 + length;
    if (bytes.length < end) return;
    this.#left = bytes.subarray(end);
    if (head.startsWith("HTTP/1.1 200 ")) {
      this.#observer.answered(0, bytes.subarray(headEnd + 4, end), this.#sentAtMs);
    } else {
      this.#observer.failed(head.slice(0, 40));
    }
    this.#send();
  }
}

function requestOf({ calls, port, token }: LoadJob, body: Buffer): Buffer {
  const head = [
    `POST ${calls[0]?.path ?? ""} HTTP/1.1`,
    `host: 127.0.0.1:${port}`,
    "content-type: application/json",
    `content-length: ${body.length}`,
    ...(token === undefined ? [] : [`authorization: Bearer ${token}`]),
  ];
  return Buffer.concat([Buffer.from(`${head.join("\r\n")}\r\n\r\n`), body]);
}
