import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type ClientHttp2Session } from "node:http2";
import { createServer } from "node:net";
import { suite, test } from "node:test";
import fc from "fast-check";
import type { CallHead } from "../../../src/rpc/call-stream.ts";
import { H2Connection } from "../../../src/rpc/h2/h2-connection.ts";
import { HpackDecoder } from "../../../src/rpc/h2/hpack-decoder.ts";
import { decodeHuffman } from "../../../src/rpc/h2/huffman.ts";

const limits = { fieldsMax: 128, bytesMax: 32 * 1024 };

/** Printable ASCII and what lies beyond, as field values may have it. */
const value = fc
  .array(
    fc.integer({ min: 0x21, max: 0xff }).filter((code) => code !== 0x7f),
    { maxLength: 300 },
  )
  .map((codes) => String.fromCharCode(...codes));

suite("HPACK", () => {
  test("reads the examples of RFC 7541, appendix C.4, with their table", () => {
    const decoder = new HpackDecoder(limits);
    const shared = [":method GET", ":scheme http", ":path /", ":authority www.example.com"];
    const https = [
      ":method GET",
      ":scheme https",
      ":path /index.html",
      ":authority www.example.com",
    ];
    const examples = [
      ["828684418cf1e3c2e5f23a6ba0ab90f4ff", shared],
      ["828684be5886a8eb10649cbf", [...shared, "cache-control no-cache"]],
      ["828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf", [...https, "custom-key custom-value"]],
    ] as const;
    for (const [hex, expected] of examples) {
      const decoded = decoder.decode(Buffer.from(hex, "hex"));
      assert(decoded?.kind === "fields");
      assert.deepEqual(
        decoded.fields.map(({ name, value: text }) => `${name} ${text}`),
        expected,
      );
    }
  });

  test("padding that is too long or has a zero is no code", () => {
    assert.equal(decodeHuffman(Buffer.from([0x1f]), 0, 1), "a");
    assert.equal(decodeHuffman(Buffer.from([0x18]), 0, 1), undefined);
    assert.equal(decodeHuffman(Buffer.from([0x1f, 0xff]), 0, 2), undefined);
  });

  test("a small block that means much is told as too large, and the next is read", () => {
    const decoder = new HpackDecoder(limits);
    const start = Buffer.from([0x40, 1, 0x61, 0x7f, 0xd1, 0x0e]); // A value of 2,000 bytes follows.
    const long = Buffer.concat([start, Buffer.alloc(2000, 0x62)]);
    assert.equal(decoder.decode(long)?.kind, "fields");
    assert.equal(decoder.decode(Buffer.alloc(30, 0x80 | 62))?.kind, "too_large");
    assert.equal(decoder.decode(Buffer.from([0x80 | 62]))?.kind, "fields");
  });

  test("reads whatever nghttp2 writes, call after call on one connection", async () => {
    const heads: CallHead[] = [];
    const server = createServer((socket) => {
      const connection = new H2Connection(
        socket,
        { streamsMax: 100 },
        {
          call: (stream, head) => {
            heads.push(head);
            connection.refuse(stream);
          },
          closed: () => {},
        },
      );
    });
    await once(server.listen(0, "127.0.0.1"), "listening");
    const address = server.address();
    assert(typeof address === "object" && address !== null);
    const session = connect(`http://127.0.0.1:${address.port}`);
    await fc.assert(
      fc.asyncProperty(value, value, fc.nat(2000), async (authorization, encoding, length) => {
        const path = `/${"p".repeat(length)}`;
        await ask(session, { ":path": path, authorization, "grpc-encoding": encoding });
        const head = heads.pop();
        assert.equal(head?.path, path);
        assert.equal(head.authorization, authorization);
        assert.equal(head.encoding, encoding);
      }),
      { numRuns: 300 },
    );
    session.close();
    server.close();
  });
});

async function ask(
  session: ClientHttp2Session,
  headers: Readonly<Record<string, string>>,
): Promise<void> {
  const stream = session.request({ ":method": "POST", ...headers });
  stream.end();
  stream.resume();
  await once(stream, "close");
}
