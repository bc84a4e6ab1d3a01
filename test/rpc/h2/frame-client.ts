import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { preface } from "../../../src/rpc/h2/frames.ts";

/** A frame as it was on the wire. */
export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Buffer;
}

/** A client that sends the bytes that it is told to, and keeps the frames that come. */
export class FrameClient implements Disposable {
  readonly frames: Frame[] = [];
  readonly #socket: Socket;
  readonly #closed: Promise<unknown>;
  #rest: Buffer = Buffer.alloc(0);
  #wake: () => void = () => {};
  #isClosed = false;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (chunk) => this.#receive(chunk));
    socket.on("error", () => {}); // A server that ends a connection may reset it.
    this.#closed = once(socket, "close").then(() => {
      this.#isClosed = true;
      this.#wake();
    });
  }

  static async open(port: number, greets = true): Promise<FrameClient> {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    await once(socket, "connect");
    const client = new FrameClient(socket);
    if (greets) client.send(preface, frame(4, 0, 0));
    return client;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  send(...pieces: readonly Buffer[]): void {
    this.#socket.write(Buffer.concat(pieces));
  }

  pause(): void {
    this.#socket.pause();
  }

  /** The first frame that fits, once it is there; `undefined` where the connection ended without. */
  async until(fits: (frame: Frame) => boolean): Promise<Frame | undefined> {
    for (;;) {
      const found = this.frames.find(fits);
      if (found !== undefined || this.#isClosed) return found;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  async closed(): Promise<void> {
    await this.#closed;
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }

  #receive(chunk: Buffer): void {
    let bytes = Buffer.concat([this.#rest, chunk]);
    for (let end = endOf(bytes); end <= bytes.length; end = endOf(bytes)) {
      this.frames.push({
        type: bytes[3] ?? 0,
        flags: bytes[4] ?? 0,
        streamId: bytes.readUInt32BE(5),
        payload: bytes.subarray(9, end),
      });
      bytes = bytes.subarray(end);
    }
    this.#rest = bytes;
    this.#wake();
  }
}

function endOf(bytes: Buffer): number {
  return bytes.length < 9 ? Infinity : 9 + bytes.readUIntBE(0, 3);
}

export function frame(
  type: number,
  flags: number,
  streamId: number,
  payload: Buffer = Buffer.alloc(0),
): Buffer {
  const header = Buffer.alloc(9);
  header.writeUIntBE(payload.length, 0, 3);
  header[3] = type;
  header[4] = flags;
  header.writeUInt32BE(streamId, 5);
  return Buffer.concat([header, payload]);
}

export function number(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
