import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { StreamReader } from "../../../src/rpc/call-stream.ts";
import type { H2Stream } from "../../../src/rpc/h2/h2-stream.ts";
import { heldBytes } from "../../support/garbage.ts";
import {
  answered,
  call,
  changed,
  checking,
  endHeaders,
  endStream,
  headers,
  pair,
  request,
  type,
} from "./calling.ts";
import { frame, FrameClient, number } from "./frame-client.ts";

suite("the windows of HTTP/2", () => {
  test("an answer waits for the windows of its client", async () => {
    await using server = await checking();
    using client = await FrameClient.open(server.rpc.grpcPort);
    client.send(frame(type.settings, 0, 0, Buffer.from([0, 4, 0, 0, 0, 10])), call(1));
    const first = await client.until((one) => one.type === type.data);
    assert.equal(first?.payload.length, 10);
    client.send(frame(type.window, 0, 1, number(5)));
    await client.until(() => client.frames.filter((one) => one.type === type.data).length === 2);
    client.send(frame(type.settings, 0, 0, Buffer.from([0, 4, 0, 1, 0, 0])));
    await answered(client, 1);
    const sizes = client.frames
      .filter((one) => one.type === type.data)
      .map((one) => one.payload.length);
    assert.deepEqual(sizes.slice(0, 2), [10, 5]);
  });

  test("answers that wait for room are bounded, whoever asked for them", async () => {
    const [connection, client] = await pair((stream) => stream.finish("ok", Buffer.alloc(2 ** 20)));
    using _ = client;
    client.send(frame(type.settings, 0, 0, Buffer.from([0, 4, 0, 0, 0, 0])));
    for (let id = 1; id < 200; id += 2) client.send(headers(id, request, endHeaders | endStream));
    const end = await client.until((one) => one.type === type.goAway);
    assert.equal(end?.payload.readUInt32BE(4), 11);
    assert.equal(connection().streams, 0);
  });

  test("what is sent beyond its window ends a stream", async () => {
    const [, client] = await pair((stream) => stream.pause());
    using _ = client;
    client.send(headers(1), ...fill(1, 17));
    const reset = await client.until((one) => one.type === type.reset);
    assert.equal(reset?.payload.readUInt32BE(), 3);
  });

  test("streams that nobody reads hold up no other of their connection", async () => {
    let got = 0;
    const [, client] = await pair((stream) => {
      if (stream.id < 100) stream.pause();
      else reading(stream, (chunk) => (got += chunk.length));
    });
    using _ = client;
    // Four of them fill the window of the connection as it is at first.
    for (let id = 1; id < 80; id += 2) client.send(headers(id), ...fill(id, 16));
    client.send(headers(101), ...fill(101, 8), frame(type.ping, 0, 0, Buffer.alloc(8)));
    await client.until((one) => one.type === type.ping);
    assert.equal(got, 8 * chunk.length);
    const sent = 40 * 16 * chunk.length;
    const given = client.frames
      .filter((one) => one.type === type.window && one.streamId === 0)
      .reduce((sum, { payload }) => sum + payload.readUInt32BE(), 65_535);
    assert.ok(given >= sent);
  });

  test("what waits to be read is bounded: the stream goes on which most waits", async () => {
    const [connection, client] = await pair((stream) => stream.pause());
    using _ = client;
    client.send(headers(1), frame(type.data, 0, 1, chunk));
    for (let id = 3; id <= 129; id += 2) client.send(headers(id), ...fill(id, 16));
    const reset = await client.until((one) => one.type === type.reset);
    assert.equal(reset?.payload.readUInt32BE(), 11);
    assert.notEqual(reset?.streamId, 1);
    assert.equal(connection().streams, 64);
  });

  test("bytes that wait do not keep the reads that they came in", async () => {
    const streams: H2Stream[] = [];
    const [, client] = await pair((stream) => {
      streams.push(stream);
      if (stream.id === 1) stream.ignore();
      else stream.pause();
    });
    using _ = client;
    client.send(headers(1), headers(3));
    const beforeBytes = await heldBytes();
    for (let count = 0; count < 1_000; count += 1) {
      client.send(frame(type.data, 0, 3, Buffer.from("x")), ...fill(1, 4));
    }
    client.send(frame(type.ping, 0, 0, Buffer.alloc(8)));
    await client.until((one) => one.type === type.ping);
    assert.equal(streams[1]?.keptBytes, 1_000);
    const grownBytes = (await heldBytes()) - beforeBytes;
    assert.ok(grownBytes < 8 * 1024 * 1024, `${grownBytes} bytes`);
  });

  test("what waited is read in order, in pieces, as far as it is asked for", async () => {
    const waiting = Promise.withResolvers<H2Stream>();
    const [, client] = await pair((stream) => waiting.resolve(stream));
    using _ = client;
    const bytes = Buffer.from(Array.from({ length: 50_000 }, (__, at) => at % 251));
    client.send(headers(1));
    for (let at = 0; at < bytes.length; at += 10_000) {
      client.send(frame(type.data, 0, 1, bytes.subarray(at, at + 10_000)));
    }
    client.send(frame(type.data, endStream, 1), frame(type.ping, 0, 0, Buffer.alloc(8)));
    await client.until((one) => one.type === type.ping);
    const stream = await waiting.promise;
    const pieces: Buffer[] = [];
    let hasEnded = false;
    stream.attach({
      data: (piece) => {
        pieces.push(piece);
        stream.pause();
      },
      ended: () => (hasEnded = true),
      closed: () => {},
    });
    stream.start();
    assert.equal(pieces.length, 1);
    while (!hasEnded) stream.resume();
    assert.ok(pieces.every(({ length }) => length <= 16_384));
    assert.deepEqual(Buffer.concat(pieces), bytes);
  });

  test("a window that opens before there is an answer sends nothing", async () => {
    await using server = await checking();
    using client = await FrameClient.open(server.rpc.grpcPort);
    const wider = frame(type.settings, 0, 0, Buffer.from([0, 4, 0, 2, 0, 0]));
    client.send(headers(1, changed("te", "trailers")), frame(type.window, 0, 1, number(5)), wider);
    client.send(frame(type.data, endStream, 1, Buffer.from([0, 0, 0, 0, 1, 0xff])));
    const first = await client.until((one) => one.type === type.headers && one.streamId === 1);
    assert.equal((first?.flags ?? 0) & endStream, endStream);
  });

  test("opening the window of all by a byte costs no look at the streams that wait for their own", async () => {
    let looks = 0;
    const last = 1_999;
    const [connection, client] = await pair((stream) => {
      stream.finish("ok", Buffer.alloc(stream.id === last ? 100_000 : 100));
      if (stream.id === last) return;
      // Only a stream that is looked at is asked for its window.
      let windowBytes = stream.windowBytes;
      Object.defineProperty(stream, "windowBytes", {
        get: () => {
          looks += 1;
          return windowBytes;
        },
        set: (bytes: number) => {
          windowBytes = bytes;
        },
      });
    });
    using _ = client;
    client.send(frame(type.settings, 0, 0, Buffer.from([0, 4, 0, 0, 0, 0])));
    for (let id = 1; id <= last; id += 2) {
      client.send(headers(id, request, endHeaders | endStream));
    }
    // It takes the whole window of all.
    client.send(frame(type.window, 0, last, number(2 ** 20)));
    client.send(frame(type.ping, 0, 0, Buffer.alloc(8)));
    await client.until((one) => one.type === type.ping);
    assert.equal(connection().streams, 1_000);
    looks = 0;
    for (let count = 0; count < 5_000; count += 1) client.send(frame(type.window, 0, 0, number(1)));
    client.send(frame(type.ping, 0, 0, Buffer.alloc(8, 1)));
    await client.until((one) => one.type === type.ping && one.payload[0] === 1);
    assert.equal(looks, 0);
  });

  test("streams that wait for the window of all take turns", async () => {
    const [, client] = await pair((stream) => stream.finish("ok", Buffer.alloc(100_000)));
    using _ = client;
    client.send(frame(type.settings, 0, 0, Buffer.from([0, 4, 0, 4, 0, 0])));
    for (const id of [1, 3]) client.send(headers(id, request, endHeaders | endStream));
    client.send(frame(type.window, 0, 0, number(1_000)), frame(type.window, 0, 0, number(1_000)));
    await client.until((one) => one.type === type.data && one.streamId === 3);
    for (let id = 0; id < 200; id += 1) client.send(frame(type.window, 0, 0, number(1_000)));
    for (const id of [1, 3]) {
      await client.until((one) => one.streamId === id && (one.flags & endStream) !== 0);
    }
  });
});

const chunk: Buffer = Buffer.alloc(16_384);

/** So many frames of data, each as large as may be. */
function fill(streamId: number, count: number): readonly Buffer[] {
  return Array.from({ length: count }, () => frame(type.data, 0, streamId, chunk));
}

function reading(stream: H2Stream, data: StreamReader["data"]): void {
  stream.attach({ data, ended: () => {}, closed: () => {} });
  stream.start();
}
