import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { encodeFields } from "../../../src/rpc/h2/header-block.ts";
import { changed, checking, endHeaders, endStream, request, type } from "./calling.ts";
import { frame, FrameClient } from "./frame-client.ts";

const calls = 200;
/** An error with its detail, in bytes. */
const answerMax = 600;
const long = "\u00ff".repeat(3_900);

/** What an error may say back. A client's table makes a byte of it from the second time on. */
const echoes: Readonly<Record<string, readonly [fields: Fields, name: string, value: string]>> = {
  "a path that nobody serves": [withoutField(":path"), ":path", `/${long}`],
  "a timeout that is none": [request, "grpc-timeout", long],
  "a compression that is not known": [request, "grpc-encoding", long],
};

type Fields = readonly (readonly [string, string])[];

suite("what is said back", () => {
  for (const [what, [fields, name, value]] of Object.entries(echoes)) {
    test(`${what} is cut, however often it is sent`, async () => {
      await using server = await checking();
      using client = await FrameClient.open(server.rpc.grpcPort);
      const kept = literalField(name, value);
      // The newest field of the table.
      const again = Buffer.from([0x80 | 62]);
      for (let call = 0; call < calls; call += 1) {
        const id = 2 * call + 1;
        // A pseudo-header stands before the others, and what is new in the table last.
        const field = call === 0 ? kept : again;
        const others = encodeFields(fields);
        const block = name.startsWith(":")
          ? Buffer.concat([field, others])
          : Buffer.concat([others, field]);
        client.send(frame(type.headers, endHeaders, id, block));
        client.send(frame(type.data, endStream, id, Buffer.from([1, 0, 0, 0, 1, 0])));
        const end = await client.until(
          (one) =>
            one.type === type.headers && one.streamId === id && (one.flags & endStream) !== 0,
        );
        assert.ok((end?.payload.length ?? Infinity) < answerMax, `${end?.payload.length} bytes`);
        assert.match(end?.payload.toString("latin1") ?? "", /grpc-status/);
      }
    });
  }

  test("the name of a service without health is cut", async () => {
    await using server = await checking();
    using client = await FrameClient.open(server.rpc.grpcPort);
    const name = Buffer.from("\u{1f600}".repeat(3_000));
    const field = Buffer.concat([Buffer.from([0x0a, 0xe0, 0x5d]), name]);
    const head = Buffer.from([0, 0, 0, 0, 0]);
    head.writeUInt32BE(field.length, 1);
    const health = changed(":path", "/grpc.health.v1.Health/Check");
    client.send(frame(type.headers, endHeaders, 1, encodeFields(health)));
    client.send(frame(type.data, endStream, 1, Buffer.concat([head, field])));
    const end = await client.until((one) => one.type === type.headers && one.streamId === 1);
    assert.ok((end?.payload.length ?? Infinity) < 2_000, `${end?.payload.length} bytes`);
    assert.match(end?.payload.toString("latin1") ?? "", /grpc-status.{1,2}5/s);
  });

  test("a name that is no UTF-8 gets an answer", async () => {
    await using server = await checking();
    using client = await FrameClient.open(server.rpc.grpcPort);
    const health = changed(":path", "/grpc.health.v1.Health/Check");
    // A surrogate that stands alone.
    const message = Buffer.from([0, 0, 0, 0, 5, 0x0a, 3, 0xed, 0xa0, 0x80]);
    client.send(frame(type.headers, endHeaders, 1, encodeFields(health)));
    client.send(frame(type.data, endStream, 1, message));
    const end = await client.until((one) => one.type === type.headers && one.streamId === 1);
    assert.match(end?.payload.toString("latin1") ?? "", /grpc-status.{1,2}5/s);
    assert.deepEqual(server.logged, []);
  });
});

function withoutField(name: string): Fields {
  return request.filter(([key]) => key !== name);
}

/** A field that goes into the table, of any length. */
function literalField(name: string, value: string): Buffer {
  const lengthOf = (text: string): Buffer => {
    if (text.length < 127) return Buffer.from([text.length]);
    const bytes = [0x7f];
    let left = text.length - 127;
    for (; left >= 128; left = Math.floor(left / 128)) bytes.push((left % 128) | 0x80);
    return Buffer.from([...bytes, left]);
  };
  return Buffer.concat([
    Buffer.from([0x40]),
    lengthOf(name),
    Buffer.from(name),
    lengthOf(value),
    Buffer.from(value, "latin1"),
  ]);
}
