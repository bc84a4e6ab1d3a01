import { connect, type Socket } from "node:net";
import type { LoadConnection, LoadJob, LoadObserver, LoadRequest } from "./job.ts";
import { RequestHeaders } from "./request-headers.ts";

const frameHeaderBytes = 9;
const windowBytesDefault = 65_535;
const windowBytesMax = 2 ** 31 - 1;
const replenishBytes = 2 ** 24;
const frame = {
  data: 0,
  headers: 1,
  reset: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
} as const;
const flagEnd = 1;
const flagEndHeaders = 4;

/** A request under way, or the one stream of the connection. */
interface Call {
  /** Position in the calls of the job. */
  readonly call: number;
  readonly sentAtMs: number[];
  received: Buffer;
  sendWindowBytes: number;
}

/**
 * A gRPC client on a bare socket, which sends all that it may at once: it costs a fraction of what the
 * server costs. It decodes no headers: an answer without a message is a failed one.
 */
export class Http2Connection implements LoadConnection {
  readonly #socket: Socket;
  readonly #job: LoadJob;
  readonly #observer: LoadObserver;
  readonly #headers: RequestHeaders;
  readonly #calls = new Map<number, Call>();
  #left: Buffer = Buffer.alloc(0);
  #out: Buffer[] = [];
  #nextStream = 1;
  /** What was taken from the observer and found no room in the windows yet. */
  #waiting: LoadRequest | undefined;
  #due: number[] = [];
  #inFlight = 0;
  #sendWindowBytes = windowBytesDefault;
  #streamWindowBytes = windowBytesDefault;
  #consumedBytes = 0;

  constructor(job: LoadJob, observer: LoadObserver) {
    this.#job = job;
    this.#observer = observer;
    this.#headers = new RequestHeaders(`127.0.0.1:${job.port}`, job.token);
    this.#socket = connect({ port: job.port, host: "127.0.0.1", noDelay: true });
    this.#socket.on("data", (chunk) => this.#receive(chunk));
    this.#socket.on("error", (error) => observer.failed(error.message));
    const settings = Buffer.alloc(6);
    settings.writeUInt16BE(4, 0);
    settings.writeUInt32BE(windowBytesMax, 2);
    this.#out.push(
      Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
      frameOf(frame.settings, 0, 0, settings),
      windowUpdate(windowBytesMax - windowBytesDefault),
    );
    this.#send();
  }

  fire(dueAtMs: number): void {
    this.#due.push(dueAtMs);
    this.#send();
  }

  close(): void {
    this.#socket.removeAllListeners("error").on("error", () => {});
    this.#socket.destroy();
  }

  #receive(chunk: Buffer): void {
    let bytes = this.#left.length === 0 ? chunk : Buffer.concat([this.#left, chunk]);
    while (bytes.length >= frameHeaderBytes) {
      const end = frameHeaderBytes + bytes.readUIntBE(0, 3);
      if (bytes.length < end) break;
      const stream = bytes.readUInt32BE(5) & 0x7fff_ffff;
      this.#frame(bytes[3] ?? 0, bytes[4] ?? 0, stream, bytes.subarray(frameHeaderBytes, end));
      bytes = bytes.subarray(end);
    }
    this.#left = bytes;
    this.#send();
  }

  #frame(type: number, flags: number, stream: number, payload: Buffer): void {
    switch (type) {
      case frame.data:
        this.#data(stream, payload, (flags & flagEnd) !== 0);
        return;
      case frame.headers:
        if ((flags & flagEnd) !== 0) this.#end(stream);
        return;
      case frame.reset:
        this.#end(stream);
        return;
      case frame.settings:
        if ((flags & flagEnd) === 0) this.#settings(payload);
        return;
      case frame.ping:
        if ((flags & flagEnd) === 0) this.#out.push(frameOf(frame.ping, flagEnd, 0, payload));
        return;
      case frame.goAway:
        this.#observer.failed("the server closed the connection");
        return;
      case frame.windowUpdate:
        this.#widen(stream, payload.readUInt32BE(0));
        return;
    }
  }

  #settings(payload: Buffer): void {
    for (let offset = 0; offset + 6 <= payload.length; offset += 6) {
      if (payload.readUInt16BE(offset) !== 4) continue;
      const windowBytes = payload.readUInt32BE(offset + 2);
      const change = windowBytes - this.#streamWindowBytes;
      this.#streamWindowBytes = windowBytes;
      for (const call of this.#calls.values()) call.sendWindowBytes += change;
    }
    this.#out.push(frameOf(frame.settings, flagEnd, 0, Buffer.alloc(0)));
  }

  #widen(stream: number, bytes: number): void {
    if (stream === 0) this.#sendWindowBytes += bytes;
    else {
      const call = this.#calls.get(stream);
      if (call !== undefined) call.sendWindowBytes += bytes;
    }
  }

  #data(stream: number, payload: Buffer, ends: boolean): void {
    this.#consumedBytes += payload.length;
    if (this.#consumedBytes > replenishBytes) {
      this.#out.push(windowUpdate(this.#consumedBytes));
      this.#consumedBytes = 0;
    }
    const call = this.#calls.get(stream);
    if (call === undefined) return;
    let bytes = call.received.length === 0 ? payload : Buffer.concat([call.received, payload]);
    while (bytes.length >= 5) {
      const end = 5 + bytes.readUInt32BE(1);
      if (bytes.length < end) break;
      const sentAtMs = call.sentAtMs.shift();
      this.#inFlight -= 1;
      if (sentAtMs === undefined) this.#observer.failed("an answer that nobody asked for");
      else this.#observer.answered(call.call, bytes.subarray(5, end), sentAtMs);
      bytes = bytes.subarray(end);
    }
    call.received = bytes;
    if (ends) this.#end(stream);
  }

  #end(stream: number): void {
    const call = this.#calls.get(stream);
    if (call === undefined) return;
    this.#calls.delete(stream);
    this.#inFlight -= call.sentAtMs.length;
    for (const _ of call.sentAtMs) this.#observer.failed("a call ended without an answer");
  }

  /** Sends as much as is wanted and as the server takes, in one write. */
  #send(): void {
    if (this.#job.ratePerSecond === undefined) {
      while (this.#inFlight < this.#job.inFlight && this.#sendOne(performance.now())) {
        this.#inFlight += 1;
      }
    } else {
      let sent = 0;
      while (sent < this.#due.length && this.#sendOne(this.#due[sent] ?? 0)) sent += 1;
      this.#inFlight += sent;
      this.#due.splice(0, sent);
    }
    if (this.#out.length === 0) return;
    this.#socket.write(Buffer.concat(this.#out));
    this.#out = [];
  }

  /** False where a window is too narrow, or where there is nothing to be sent. */
  #sendOne(sentAtMs: number): boolean {
    const request = this.#waiting ?? this.#observer.next();
    this.#waiting = request;
    if (request === undefined) return false;
    const { body } = request;
    const unary = this.#job.kind === "unary";
    const open = unary ? undefined : this.#calls.get(1);
    const streamWindowBytes = open?.sendWindowBytes ?? this.#streamWindowBytes;
    if (body.length > Math.min(this.#sendWindowBytes, streamWindowBytes)) return false;
    this.#waiting = undefined;
    const stream = open === undefined ? this.#nextStream : 1;
    const call = open ?? this.#begin(request, streamWindowBytes);
    call.sentAtMs.push(sentAtMs);
    call.sendWindowBytes -= body.length;
    this.#sendWindowBytes -= body.length;
    // A frame has at most 16 KiB unless the server says otherwise.
    for (let at = 0; at < body.length; at += 16_384) {
      const part = body.subarray(at, at + 16_384);
      const ends = unary && at + 16_384 >= body.length;
      this.#out.push(frameOf(frame.data, ends ? flagEnd : 0, stream, part));
    }
    return true;
  }

  #begin({ call: position }: LoadRequest, sendWindowBytes: number): Call {
    const call = { call: position, sentAtMs: [], received: Buffer.alloc(0), sendWindowBytes };
    const block = this.#headers.blockOf(this.#job.calls[position]?.path ?? "");
    this.#calls.set(this.#nextStream, call);
    this.#out.push(frameOf(frame.headers, flagEndHeaders, this.#nextStream, block));
    this.#nextStream += 2;
    return call;
  }
}

function frameOf(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const bytes = Buffer.allocUnsafe(frameHeaderBytes + payload.length);
  bytes.writeUIntBE(payload.length, 0, 3);
  bytes[3] = type;
  bytes[4] = flags;
  bytes.writeUInt32BE(stream, 5);
  payload.copy(bytes, frameHeaderBytes);
  return bytes;
}

function windowUpdate(bytes: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(bytes, 0);
  return frameOf(frame.windowUpdate, 0, 0, payload);
}
