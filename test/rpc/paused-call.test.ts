import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { EmptySchema } from "@bufbuild/protobuf/wkt";
import type { CallHead, CallStream, StreamReader } from "../../src/rpc/call-stream.ts";
import { frameMessage } from "../../src/rpc/grpc-framing.ts";
import { Http2Call } from "../../src/rpc/http2-call.ts";
import { messagesOf, waitingFor } from "../../src/rpc/http2-messages.ts";

const head: CallHead = {
  path: "/a.B/C",
  contentType: "application/grpc",
  authorization: undefined,
  timeout: undefined,
  encoding: undefined,
  traceparent: undefined,
};

/** A stream with as many chunks as anybody asks for, each of ten messages. */
class Endless implements CallStream {
  chunks = 0;
  readonly drains: (() => void)[] = [];
  #reader: StreamReader | undefined;
  #isFlowing = false;

  attach(reader: StreamReader): void {
    this.#reader = reader;
  }

  start(): void {
    this.resume();
  }

  pause(): void {
    this.#isFlowing = false;
  }

  resume(): void {
    this.#isFlowing = true;
    while (this.#isFlowing) {
      this.chunks += 1;
      this.#reader?.data(Buffer.concat(Array.from({ length: 10 }, () => message)));
    }
  }

  ignore(): void {}

  write(): boolean {
    return false;
  }

  drained(proceed: () => void): void {
    this.drains.push(proceed);
  }

  finish(): void {}
}

const message = frameMessage(Buffer.from("x"));

suite("a call that is paused", () => {
  test("takes another chunk when the messages of the last one were read, and not before", async () => {
    const stream = new Endless();
    const decode = () => create(EmptySchema);
    const requests = messagesOf(callOn(stream), { decode })[Symbol.asyncIterator]();
    for (let count = 0; count < 100; count += 1) assert.ok(!(await requests.next()).done);
    assert.equal(stream.chunks, 10);
  });

  test("remembers one that waits to write, however often it waited", async () => {
    const stream = new Endless();
    const call = callOn(stream);
    let listeners = 0;
    const whenOver = call.whenOver.bind(call);
    call.whenOver = (listener) => {
      listeners += 1;
      whenOver(listener);
    };
    const writable = waitingFor(call);
    for (let count = 0; count < 100; count += 1) {
      const waiting = writable();
      stream.drains.pop()?.();
      await waiting;
    }
    assert.equal(listeners, 1);
    const last = writable();
    call.finish();
    await last;
    await writable();
  });
});

function callOn(stream: CallStream): Http2Call {
  return new Http2Call(stream, head, limits, undefined, undefined);
}

const limits = { messageBytesMax: 1_000, answerBytesMax: 1_000 };
