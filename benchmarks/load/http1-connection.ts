import { connect, type Socket } from "node:net";
import type { LoadConnection, LoadJob, LoadObserver } from "./job.ts";

/** A client of Connect's unary JSON on a bare socket, one request after the other. */
export class Http1Connection implements LoadConnection {
  readonly #socket: Socket;
  readonly #observer: LoadObserver;
  readonly #requests: readonly Buffer[];
  #left: Buffer = Buffer.alloc(0);
  #next: number;
  #sentAtMs = 0;

  constructor(job: LoadJob, observer: LoadObserver, offset: number) {
    this.#observer = observer;
    this.#next = offset;
    this.#requests = job.messages.map((text) => requestOf(job, Buffer.from(text, "base64")));
    this.#socket = connect({ port: job.port, host: "127.0.0.1", noDelay: true });
    this.#socket.on("data", (chunk) => this.#receive(chunk));
    this.#socket.on("error", (error) => observer.failed(error.message));
    this.#send();
  }

  close(): void {
    this.#socket.removeAllListeners("error").on("error", () => {});
    this.#socket.destroy();
  }

  #send(): void {
    this.#sentAtMs = performance.now();
    this.#socket.write(this.#requests[this.#next % this.#requests.length] ?? "");
    this.#next += 1;
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
      this.#observer.answered(bytes.subarray(headEnd + 4, end), this.#sentAtMs);
    } else {
      this.#observer.failed(head.slice(0, 40));
    }
    this.#send();
  }
}

function requestOf({ path, port }: LoadJob, body: Buffer): Buffer {
  const head = [
    `POST ${path} HTTP/1.1`,
    `host: 127.0.0.1:${port}`,
    "content-type: application/json",
    `content-length: ${body.length}`,
  ];
  return Buffer.concat([Buffer.from(`${head.join("\r\n")}\r\n\r\n`), body]);
}
