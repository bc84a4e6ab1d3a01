import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { preface } from "../../../src/rpc/h2/frames.ts";
import { encodeFields } from "../../../src/rpc/h2/header-block.ts";
import {
  answered,
  call,
  changed,
  checking,
  endHeaders,
  endStream,
  headers,
  literal,
  message,
  path,
  request,
  type,
} from "./calling.ts";
import { frame, FrameClient, number } from "./frame-client.ts";

/** What ends the connection, and with which code. */
const breaches: Readonly<Record<string, readonly [Buffer, number]>> = {
  "a frame that is too large": [Buffer.from([0, 0x40, 1, 0, 0, 0, 0, 0, 1]), 6],
  "data on no stream": [frame(type.data, 0, 0, message), 1],
  "data on a stream that never began": [frame(type.data, 0, 7, message), 1],
  "padding longer than its frame": [
    Buffer.concat([headers(1), frame(type.data, 0x8, 1, Buffer.from([9, 0]))]),
    1,
  ],
  "padding longer than its headers": [
    frame(type.headers, 0x8 | endHeaders, 1, Buffer.from([9, 0x83])),
    1,
  ],
  "a stream with an even number": [headers(2), 1],
  "a reset of no stream": [frame(type.reset, 0, 0, number(8)), 1],
  "a reset of a stream that never began": [frame(type.reset, 0, 9, number(8)), 1],
  "a reset of the wrong length": [
    Buffer.concat([headers(1), frame(type.reset, 0, 1, Buffer.alloc(3))]),
    1,
  ],
  "settings on a stream": [frame(type.settings, 0, 1), 1],
  "settings of the wrong length": [frame(type.settings, 0, 0, Buffer.alloc(5)), 6],
  "an acknowledgement that says something": [frame(type.settings, 1, 0, Buffer.alloc(6)), 6],
  "a window beyond the largest": [
    frame(type.settings, 0, 0, Buffer.from([0, 4, 0x80, 0, 0, 0])),
    3,
  ],
  "frames smaller than the smallest": [
    frame(type.settings, 0, 0, Buffer.from([0, 5, 0, 0, 0, 1])),
    1,
  ],
  "a push that is half on": [frame(type.settings, 0, 0, Buffer.from([0, 2, 0, 0, 0, 2])), 1],
  "a ping of the wrong length": [frame(type.ping, 0, 0, Buffer.alloc(7)), 6],
  "a ping on a stream": [frame(type.ping, 0, 1, Buffer.alloc(8)), 1],
  "a window opened by nothing": [frame(type.window, 0, 0, number(0)), 3],
  "a window opened too far": [frame(type.window, 0, 0, number(2 ** 31 - 1)), 3],
  "a window of the wrong length": [frame(type.window, 0, 0, Buffer.alloc(3)), 6],
  "a window of a stream that never began": [frame(type.window, 0, 5, number(1)), 1],
  "a promise by the client": [frame(5, 0, 1, number(2)), 1],
  "a continuation of nothing": [frame(9, endHeaders, 1), 1],
  "something between headers and their continuation": [
    Buffer.concat([headers(1, request, 0), frame(type.ping, 0, 0, Buffer.alloc(8))]),
    1,
  ],
  "the continuation of another stream": [
    Buffer.concat([headers(1, request, 0), frame(9, endHeaders, 3)]),
    1,
  ],
  "headers without end": [
    Buffer.concat([
      headers(1, request, 0),
      ...Array.from({ length: 40 }, () => frame(9, 0, 1, Buffer.alloc(1000, 0x83))),
    ]),
    11,
  ],
  "an index that is in no table": [
    frame(type.headers, endHeaders, 1, Buffer.from([0xff, 0x7f])),
    9,
  ],
  "an integer that does not end": [frame(type.headers, endHeaders, 1, Buffer.alloc(20, 0xff)), 9],
  "a table larger than allowed": [
    frame(type.headers, endHeaders, 1, Buffer.from([0x3f, 0xe2, 0x1f])),
    9,
  ],
  "a text longer than its block": [
    frame(type.headers, endHeaders, 1, Buffer.from([0x40, 0x05, 0x61])),
    9,
  ],
  "Huffman's code with its end within": [
    frame(type.headers, endHeaders, 1, Buffer.from([0x40, 0x84, 0xff, 0xff, 0xff, 0xff])),
    9,
  ],
};

/** What ends one call alone, and with which code. */
const refusals: Readonly<Record<string, readonly [Buffer, number]>> = {
  "a name with capitals": [headers(1, [...request, ["X-Name", "v"]]), 1],
  "a name of the connection": [headers(1, [...request, ["connection", "close"]]), 1],
  "another te": [headers(1, changed("te", "gzip")), 1],
  "no path": [headers(1, changed(":path", "")), 1],
  "no scheme": [headers(1, request.slice(0, 1).concat(request.slice(2))), 1],
  "a pseudo-header that is none of a request": [headers(1, [[":status", "200"], ...request]), 1],
  "a pseudo-header twice": [headers(1, [[":path", path], ...request]), 1],
  "a pseudo-header behind others": [headers(1, [...request, [":authority", "a"]]), 1],
  "a value with a line end": [headers(1, [...request, ["x", "a\nb"]]), 1],
  "too many headers": [
    headers(1, [...request, ...Array.from({ length: 200 }, () => ["x", "y"] as const)]),
    11,
  ],
  "a window opened by nothing": [
    Buffer.concat([headers(1), frame(type.window, 0, 1, number(0))]),
    1,
  ],
  "a stream's window opened too far": [
    Buffer.concat([headers(1), frame(type.window, 0, 1, number(2 ** 31 - 1))]),
    3,
  ],
  "headers behind headers": [Buffer.concat([headers(1), headers(1)]), 1],
};

suite("HTTP/2 of our own", () => {
  for (const [name, [bytes, code]] of Object.entries(breaches)) {
    test(`${name} ends the connection`, async () => {
      await using server = await checking();
      using client = await FrameClient.open(server.rpc.grpcPort);
      client.send(bytes);
      const end = await client.until((one) => one.type === type.goAway);
      assert.equal(end?.payload.readUInt32BE(4), code);
      await client.closed();
    });
  }

  for (const [name, [bytes, code]] of Object.entries(refusals)) {
    test(`${name} ends the call, and the next is answered`, async () => {
      await using server = await checking();
      using client = await FrameClient.open(server.rpc.grpcPort);
      client.send(bytes, call(3));
      const reset = await client.until((one) => one.type === type.reset && one.streamId === 1);
      assert.equal(reset?.payload.readUInt32BE(), code);
      await answered(client, 3);
    });
  }

  test("a connection that begins otherwise is cut", async () => {
    await using server = await checking();
    using client = await FrameClient.open(server.rpc.grpcPort, false);
    client.send(Buffer.from("GET / HTTP/1.1\r\n\r\n"));
    await client.closed();
  });

  test("frames before the settings end the connection", async () => {
    await using server = await checking();
    using client = await FrameClient.open(server.rpc.grpcPort, false);
    client.send(preface, call(1));
    assert.equal(
      (await client.until((one) => one.type === type.goAway))?.payload.readUInt32BE(4),
      1,
    );
  });

  test("a call is answered however its bytes are cut", async () => {
    await using server = await checking();
    const bytes = Buffer.concat([preface, frame(type.settings, 0, 0), call(1)]);
    for (let at = 1; at < bytes.length; at += 7) {
      using client = await FrameClient.open(server.rpc.grpcPort, false);
      client.send(bytes.subarray(0, at));
      await new Promise(setImmediate);
      client.send(bytes.subarray(at));
      await answered(client, 1);
    }
  });

  test("an answered call is counted as what it was answered", async () => {
    await using server = await checking();
    using client = await FrameClient.open(server.rpc.grpcPort);
    client.send(call(1), headers(3, changed(":path", path.replace("Check", "Expand"))));
    client.send(frame(type.data, endStream, 3, message));
    await answered(client, 1);
    await client.until((one) => one.streamId === 3 && (one.flags & endStream) !== 0);
    const text = await (await fetch(`${server.httpUrl}/metrics`)).text();
    assert.match(text, /prokura_requests_total\{method="[^"]*\/Check",status="ok"\} 1\n/);
    assert.match(
      text,
      /prokura_requests_total\{method="[^"]*\/Expand",status="invalid_argument"\} 1\n/,
    );
  });

  test("headers that came before mean the same again, until the table changes", async () => {
    await using server = await checking();
    using client = await FrameClient.open(server.rpc.grpcPort);
    const kept = Buffer.concat([
      encodeFields(request.slice(0, 3)),
      literal("content-type", "application/grpc"),
    ]);
    const indexed = Buffer.concat([encodeFields(request.slice(0, 3)), Buffer.from([0x80 | 62])]);
    const other = Buffer.concat([
      encodeFields(request.slice(0, 3)),
      literal("content-type", "text/plain"),
    ]);
    const ask = (id: number, block: Buffer): void => {
      client.send(
        frame(type.headers, endHeaders, id, block),
        frame(type.data, endStream, id, message),
      );
    };
    ask(1, kept);
    ask(3, indexed);
    ask(5, indexed);
    ask(7, other);
    ask(9, indexed);
    for (const id of [1, 3, 5]) await answered(client, id);
    for (const id of [7, 9]) {
      const refused = await client.until((one) => one.type === type.headers && one.streamId === id);
      assert.match(refused?.payload.toString("latin1") ?? "", /415/);
    }
  });

  for (const [name, bytes] of [
    ["resets", (id: number) => Buffer.concat([headers(id), frame(type.reset, 0, id, number(8))])],
    ["pings", () => frame(type.ping, 0, 0, Buffer.alloc(8))],
    ["settings", () => frame(type.settings, 0, 0)],
    ["frames that say nothing", () => frame(2, 0, 1, Buffer.alloc(5))],
  ] as const) {
    test(`${name} without end are too many`, async () => {
      await using server = await checking();
      using client = await FrameClient.open(server.rpc.grpcPort);
      for (let count = 0; count < 1_500; count += 1) client.send(bytes(2 * count + 1));
      const end = await client.until((one) => one.type === type.goAway);
      assert.equal(end?.payload.readUInt32BE(4), 11);
    });
  }

  test("more streams than are allowed are refused, and those under way go on", async () => {
    await using server = await checking({ inFlightPerConnectionMax: 2 });
    using client = await FrameClient.open(server.rpc.grpcPort);
    // Health is let in whatever else is under way: here only the streams are counted.
    const health = changed(":path", "/grpc.health.v1.Health/Check");
    client.send(headers(1), ...[3, 5, 7, 9].map((id) => headers(id, health)));
    const refused = await client.until((one) => one.type === type.reset && one.streamId === 9);
    assert.equal(refused?.payload.readUInt32BE(), 7);
    client.send(frame(type.data, endStream, 1, message));
    await answered(client, 1);
  });

  test("who asks and never reads is not read from for ever", async () => {
    await using server = await checking();
    using client = await FrameClient.open(server.rpc.grpcPort);
    client.send(frame(type.settings, 0, 0, Buffer.from([0, 4, 0x7f, 0xff, 0xff, 0xff])));
    client.send(frame(type.window, 0, 0, number(2 ** 30)));
    client.pause();
    // Each is answered with some hundred bytes, which nobody takes.
    for (let id = 1; id < 100_000; id += 2) client.send(call(id));
    using other = await FrameClient.open(server.rpc.grpcPort);
    other.send(call(1));
    await answered(other, 1);
    assert(process.memoryUsage().external < 512 * 1024 * 1024);
  });

  test("no bytes whatever hurt another connection", async () => {
    await using server = await checking();
    const whole = Buffer.concat([preface, frame(type.settings, 0, 0), call(1), call(3), call(5)]);
    using other = await FrameClient.open(server.rpc.grpcPort);
    let id = 1;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        fc.nat(whole.length),
        async (flips, length) => {
          const bytes = Buffer.from(whole.subarray(0, Math.max(30, length)));
          for (const [at, value] of flips) if (at < bytes.length && at > 24) bytes[at] = value;
          using client = await FrameClient.open(server.rpc.grpcPort, false);
          client.send(bytes);
          other.send(call(id));
          await answered(other, id);
          id += 2;
        },
      ),
      { numRuns: 300 },
    );
    assert.deepEqual(server.logged, []);
  });
});
