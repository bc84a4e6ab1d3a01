import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { parseGatewayConfig } from "../../src/gateway/parse-gateway-config.ts";
import { Refusal } from "../../src/gateway/refusal.ts";
import { mapCall, type MappedCall } from "../../src/gateway/tool-mapping.ts";
import type { JsonObject } from "../../src/gateway/json.ts";

suite("mapCall", () => {
  test("makes an access of every value that the path names", async () => {
    const mapped = await map(
      "{ path: '$.mails[*].to', type: mailbox, role: receiver, id: 'm/{}' }",
      {
        mails: [{ to: "a@x" }, { to: "b@x" }],
      },
    );
    assert.deepEqual(mapped.accesses, [
      { resource: { type: "mailbox", id: "m/a@x" }, role: "receiver" },
      { resource: { type: "mailbox", id: "m/b@x" }, role: "receiver" },
    ]);
  });

  test("refuses a part of an array that names nothing", async () => {
    await refused("access_missing", "{ path: '$.mails[*].to', type: mailbox }", {
      mails: [{ to: "a@x" }, { cc: "b@x" }],
    });
  });

  test("lets an optional argument be absent, but not be of another kind", async () => {
    const access = "{ path: $.to, type: mailbox, required: false }";
    assert.deepEqual((await map(access, {})).accesses, []);
    for (const to of [null, {}, ["a"], true, 1.5]) {
      await refused("argument_malformed", access, { to });
    }
  });

  test("takes whole numbers as ids", async () => {
    const mapped = await map("{ path: $.issue, type: issue }", { issue: 42 });
    assert.equal(mapped.accesses[0]?.resource.id, "42");
  });

  test("refuses ids that the graph cannot have", async () => {
    for (const id of ["", "*", "a\nb", "x".repeat(513), "\ud800"]) {
      await refused("argument_malformed", "{ path: $.id, type: issue }", { id });
    }
  });

  test("forwards what was asked about, and leaves the given arguments as they were", async () => {
    const given = { id: "cafe\u0301", other: { deep: [1] } };
    const mapped = await map("{ path: $.id, type: issue }", given);
    assert.deepEqual(mapped.arguments, { id: "caf\u00e9", other: { deep: [1] } });
    assert.equal(mapped.accesses[0]?.resource.id, "caf\u00e9");
    assert.equal(given.id, "cafe\u0301");
  });

  test("reads file URIs as paths and forwards them normalised", async () => {
    const access = "{ path: $.uri, type: file, kind: file_uri }";
    const mapped = await map(access, { uri: "file:///r/a/../b%20c" });
    assert.equal(mapped.accesses[0]?.resource.id, "/r/b c");
    assert.deepEqual(mapped.arguments, { uri: "file:///r/b%20c" });
    for (const uri of ["https://x/r", "file://host/r", "file:///r/%252e%252e", "file:///r%2fa"]) {
      await refused("path_refused", access, { uri });
    }
  });

  test("says where a path lies up to the root, once for each folder", async () => {
    const mapped = await map("{ path: '$.paths[*]', type: file, kind: path }", {
      paths: ["/r/a/x", "/r/a/y"],
    });
    assert.deepEqual(
      mapped.containment.map(({ object, container }) => `${object.id} in ${container.id}`),
      ["/r/a/x in /r/a", "/r/a in /r", "/r/a/y in /r/a"],
    );
  });

  test("keeps a file and a folder of one path apart", async () => {
    const mapped = await map(
      "{ path: $.file, type: file, kind: path }, { path: $.folder, type: folder, kind: path }",
      { file: "/r/a", folder: "/r/a" },
    );
    assert.deepEqual(
      mapped.containment.map(({ object }) => `${object.type}:${object.id}`),
      ["file:/r/a", "folder:/r/a"],
    );
  });

  test("bounds what a call may touch", async () => {
    const access = "{ path: '$.ids[*]', type: issue }";
    const ids = Array.from({ length: 101 }, (_, index) => index);
    assert.equal((await map(access, { ids: ids.slice(1) })).accesses.length, 100);
    await refused("limit_exceeded", access, { ids });
    const path = `/r/${"d/".repeat(101)}x`;
    await refused("limit_exceeded", "{ path: $.path, type: file, kind: path }", { path });
  });

  test("gives conditions the arguments that the mapping names", async () => {
    const mapped = await map(
      "",
      { to: "bob", n: 1 },
      "context: { arguments: $, to: $.to, no: $.no }",
    );
    assert.deepEqual(mapped.context, { arguments: { to: "bob", n: 1 }, to: "bob" });
  });

  test("refuses arguments that a closed mapping does not name", async () => {
    const access = "{ path: '$.to[*]', type: mailbox }";
    const given = { to: ["a"], subject: "x", flag: true };
    const closed = "arguments: [subject]\n    context: { flag: $.flag }";
    assert.deepEqual((await map(access, given, closed)).arguments, given);
    await assert.rejects(
      map(access, { ...given, bcc: ["b"] }, closed),
      (error) => error instanceof Refusal && error.reason === "argument_unmapped",
    );
    assert.deepEqual((await map(access, { ...given, bcc: 1 })).accesses.length, 1);
  });

  test("takes a member of any name for a member, and nothing for an inherited one", async () => {
    await refused("access_missing", "{ path: $.constructor, type: issue }", {});
    await refused("access_missing", "{ path: '$[\"__proto__\"]', type: issue }", {});
  });
});

async function map(accesses: string, given: JsonObject, more = ""): Promise<MappedCall> {
  const config = parseGatewayConfig(`
server: s
upstream: { command: x }
identity: { principal: user:u, actors: [agent:a] }
files: { root: /r }
tools:
  t:
    accesses: [${accesses}]
    ${more}
`);
  return await mapCall(config.tools.get("t"), given, config.files);
}

async function refused(reason: string, accesses: string, given: JsonObject): Promise<void> {
  await assert.rejects(
    map(accesses, given),
    (error) => error instanceof Refusal && error.reason === reason,
    `${accesses} ${JSON.stringify(given)}`,
  );
}
