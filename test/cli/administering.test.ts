import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, suite, test } from "node:test";
import { run } from "./memory-terminal.ts";
import { startServed, type Served } from "./served.ts";

suite("the commands about tuples, models, tools and nodes", () => {
  let service: Served;
  let folder = "";
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "cli-"));
    service = await startServed();
  });
  after(async () => {
    await service[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });

  /** Writes a file of the test's folder, and gives its path. */
  async function file(name: string, text: string): Promise<string> {
    await writeFile(join(folder, name), text);
    return join(folder, name);
  }

  test("what is exported is imported as it was, into another tenant", async () => {
    await service.done("tenant create copy");
    assert.match(await service.done("tenant list"), /^copy +none[^]*^default +m/m);
    const first = await service.done("model write schema/models/stock.fga --tenant copy");
    assert.match(first, /in force: no node held any of it, token /);
    const lines = Array.from(
      { length: 2_345 },
      (_, index) => `document:d${index}#viewer@user:u${index % 7}`,
    );
    lines.push("document:d0#editor@group:a%20b#member until 2999-12-01T00:00:00.5Z", "# end", "");
    const tuples = await file("tuples.txt", lines.join("\r\n"));
    assert.match(await service.done("tuple import", tuples), /^imported 2346\n/);

    for (const format of ["text", "jsonl"]) {
      const exported = await service.done(`tuple export --format ${format}`);
      const path = await file(`export.${format}`, exported);
      await service.done("tuple import --tenant copy --chunk 5000", path);
      const again = await service.done(`tuple export --tenant copy --format ${format}`);
      assert.equal(again, await readFile(path, "utf8"));
      assert.ok(again.split("\n").length > 2_346);
    }
    const deletion = "tuple delete --object-type document --tenant copy";
    assert.match(await service.done(`${deletion} --dry-run`), /would delete 2000\nmore match/);
    const some = await service.done(deletion);
    assert.match(some, /deleted 2000\nmore match: call it again/);
    assert.match(await service.done(deletion), /deleted 346/);
    assert.equal((await service.prokura(deletion)).exitCode, 1);
  });

  test("an import that fails says how far it came, and goes on from there", async () => {
    const start = "folder:a#owner@user:a\nfolder:b#owner@user:a\n";
    const path = await file("broken.txt", `${start}folder:c owner user:a\n`);
    const broken = await service.prokura("tuple import", path);
    assert.equal(broken.exitCode, 2);
    assert.match(broken.errors, /--resume 2\n[^]*broken\.txt:3/);
    assert.match(await service.done("tuple read --object folder:b"), /^folder:b#owner@user:a\n/);
    await file("broken.txt", `${start}folder:c#owner@user:a\n`);
    assert.match(await service.done("tuple import --resume 2", path), /^imported 1\n/);

    await file("broken.txt", "folder:e#owner@user:a\nfolder:f#nope@user:a\n");
    const refused = await service.prokura("tuple import --chunk 1", path);
    assert.match(refused.errors, /stored up to line 1[^]*unknown_relation/);
  });

  test("an import that loses its server says up to where it is sure", async () => {
    await using gone = await startServed();
    const line = (index: number): string => `folder:l${index}#owner@user:a\n`;
    async function* lines(): AsyncGenerator<string> {
      for (let index = 1; index <= 25; index += 1) yield line(index);
      await gone[Symbol.asyncDispose]();
      for (let index = 26; index <= 60; index += 1) yield line(index);
    }
    const broken = await run(["tuple", "import", "-", "--chunk", "1"], {
      environment: { PROKURA_ADDRESS: gone.address },
      input: lines(),
    });
    assert.equal(broken.exitCode, 2);
    assert.match(broken.errors, /stored up to line 20, maybe further: go on with/);
    assert.match(broken.errors, /prokura tuple import - --resume 20\n[^]*not_serving/);
  });

  test("an import that cannot begin names no line", async () => {
    const missing = await service.prokura("tuple import", join(folder, "missing.txt"));
    assert.match(missing.errors, /there is no such file/);
    assert.doesNotMatch(missing.errors, /--resume/);
    const nobody = await run(
      ["tuple", "import", await file("one.txt", "folder:z#owner@user:a\n")],
      {
        environment: { PROKURA_ADDRESS: "127.0.0.1:1" },
      },
    );
    assert.match(nobody.errors, /maybe something was stored[^]*tuple import [^ ]*one\.txt\n/);
  });

  test("of a tuple that a file has twice, the later one counts", async () => {
    const later = "folder:twice#owner@user:a until 2999-01-01T00:00:00Z";
    const path = await file("twice.txt", `folder:twice#owner@user:a\n${later}\n`);
    await service.done("tuple import", path);
    assert.equal(await service.done("tuple read --object folder:twice"), `${later}\n`);
  });

  test("tuples are written and deleted together, or none is", async () => {
    await service.done("tuple write folder:x#owner@user:a");
    const moved = await service.done(
      "tuple write folder:x#owner@user:b --delete folder:x#owner@user:a",
    );
    assert.match(moved, /^stored 1, deleted 1\n/);
    const twice = await service.prokura(
      "tuple write --create folder:y#owner@user:a folder:x#owner@user:b",
    );
    assert.equal(twice.exitCode, 2);
    assert.match(twice.errors, /tuple_exists/);
    assert.equal(await service.done("tuple read --object folder:y"), "");
    assert.match(await service.done("tuple delete folder:x#owner@user:b"), /^deleted 1\n/);
    assert.equal((await service.prokura("tuple delete folder:x#owner@user:b")).exitCode, 1);
    for (const wrong of [
      "tuple write",
      "tuple delete",
      "tuple delete folder:x#owner@user:b --dry-run",
    ]) {
      assert.equal((await service.prokura(wrong)).exitCode, 2, wrong);
    }
  });

  test("an imported tool keeps what an administrator wrote for it", async () => {
    const tools = [
      { name: "read", annotations: { readOnlyHint: true, openWorldHint: false } },
      { name: "write", annotations: { readOnlyHint: false } },
    ];
    const path = await file(
      "tools.json",
      JSON.stringify({ jsonrpc: "2.0", id: 1, result: { tools } }),
    );
    const dry = await service.done("tools import --server files --dry-run", path);
    assert.match(dry, /tool:files\/write +destructive-open +.*destructiveHint missing: worst case/);
    assert.match(dry, /would store 6 tuples\nno agent is eligible/);
    assert.match(dry, /next: [^]*\n  prokura tuple write 'mcp_server:files#eligible@agent:\*'/);
    assert.equal(await service.done("tuple read --object tool:files/write"), "");

    await service.done("tuple write tool:files/write#eligible@agent:trusted");
    const stored = "tools import --server files --ladder --server-eligible agent:*";
    const imported = await service.done(stored, path);
    assert.match(imported, /stored 13 tuples/);
    // The one that had its `eligible` already came into no tier.
    assert.match(
      imported,
      /next: [^]*\n  prokura tuple write tier:read#member@agent:ID  \(1 tool\)\n$/,
    );
    assert.equal(
      await service.done("tuple read --object tool:files/write --relation eligible"),
      "tool:files/write#eligible@agent:trusted\n",
    );
    const again = await service.done("tools import --server files", path);
    assert.match(again, /tool:files\/write .*eligible kept at agent:trusted/);
    assert.match(again, /stored 0 tuples; 2 tools keep what they have/);
    const document = JSON.parse(await service.done("tools import --server files --json", path));
    assert.deepEqual(document.tools[1].kept.eligible, ["agent:trusted"]);
    assert.doesNotMatch(again, /next:/);
    assert.match(
      await service.done("tools list"),
      /tool:files\/read +mcp_server:files +read +permission:mcp_server\/user +tier:read#member/,
    );
    const listed = JSON.parse(await service.done("tools list --json --limit 1"));
    assert.deepEqual(listed.tools, [
      {
        name: "tool:files/read",
        server: ["mcp_server:files"],
        class: ["read"],
        requires: ["permission:mcp_server/user"],
        eligible: ["tier:read#member"],
        suspended: false,
      },
    ]);
    assert.equal(listed.more, true);
    assert.match((await service.prokura("tools list --limit 1")).errors, /1 tool, and more/);
    await service.done("suspend tool:files/write");
    const both = JSON.parse(await service.done("tools list --json"));
    assert.deepEqual(
      both.tools.map((tool: { suspended: boolean; class: string[] }) => [
        tool.class,
        tool.suspended,
      ]),
      [
        [["read"], false],
        [[], true],
      ],
    );
    assert.equal(both.more, false);
  });

  test("relations are asked for both ways", async () => {
    await service.done(
      "tuple write folder:shared#viewer@group:eng#member group:eng#member@user:bob",
    );
    const check = "relation check folder:shared#viewer@user";
    assert.equal((await service.prokura(`${check}:bob`)).exitCode, 0);
    assert.equal((await service.prokura(`${check}:eve --explain`)).exitCode, 1);
    const assuming = `${check}:eve --assuming group:eng#member@user:eve`;
    assert.equal((await service.prokura(assuming)).exitCode, 0);
    const objects = "objects list --type folder --relation viewer --subject user:bob";
    assert.equal(await service.done(objects), "folder:shared\n");
    const subjects = "subjects list --object folder:shared --relation viewer --type user";
    assert.equal(await service.done(subjects), "user:bob\n");
    assert.equal((await service.prokura(`${objects}2`)).exitCode, 1);
  });

  test("a userset is drawn as its rewrite makes it", async () => {
    await service.done(
      "tuple write document:x#parent@folder:shared document:x#blocked@user:eve document:x#owner@user:al",
    );
    const drawn = await service.done("expand document:x#viewer --depth 2");
    assert.match(drawn, /^document:x#viewer\n└─ the first but not the second\n {3}├─ any of\n/);
    assert.match(drawn, /from document:x#parent\n.*folder:shared#viewer/);
    assert.match(drawn, /└─ user:eve\n$/);
    assert.equal((await service.prokura("expand document:x")).exitCode, 2);
  });

  test("models are written, refused line by line, and activated again", async () => {
    const first = JSON.parse(await service.done("model list --json")).models[0].id;
    const refused = await service.prokura(
      "model write",
      await file(
        "refused.fga",
        "model\n  schema 1.1\ntype doc\n  relations\n    define viewer: [usr]\n",
      ),
    );
    assert.equal(refused.exitCode, 2);
    assert.match(refused.errors, /5:12: error: .*`usr`/);

    await service.done("tenant create modules");
    await file("core.fga", "module core\ntype user\n");
    await file("docs.fga", "module docs\ntype doc\n  relations\n    define viewer: [user]\n");
    const manifest = await file(
      "fga.mod",
      "schema: '1.2'\ncontents:\n  - core.fga\n  - docs.fga\n",
    );
    assert.match(await service.done("model write --tenant modules", manifest), /, active\n/);
    assert.match(await service.done("model read --tenant modules"), /^# docs\.fga\nmodule docs$/m);

    const kept = await service.done("model write --keep-inactive schema/models/stock.fga --json");
    const { modelId } = JSON.parse(kept);
    await service.done(`model activate ${modelId}`);
    assert.match(await service.done("model list"), new RegExp(`^${modelId} .* active$`, "m"));
    assert.match(
      await service.done(`model activate ${first}`),
      new RegExp(`${modelId} is not any more`),
    );
    assert.match(await service.done("model read"), /^type delegation$/m);
  });

  test("the nodes are shown, and a token is waited for", async () => {
    const written = await service.done("tuple write folder:w#owner@user:a --json");
    const { token } = JSON.parse(written).result;
    assert.match(await service.done(`wait ${token}`), /every node has applied it/);
    assert.match(await service.done("nodes"), /\(this one\) .* current +- /);
    assert.equal((await service.prokura("wait rubbish")).exitCode, 2);
  });

  test("the program prints changes as they come", async () => {
    const { stdout, kill } = program("watch --type folder --json");
    const lines = createInterface({ input: stdout })[Symbol.asyncIterator]();
    const first = await lines.next();
    // The first sign of life comes when the watch is set up.
    const { token } = JSON.parse(String(first.value)).heartbeat;
    await service.done("tuple write folder:seen#owner@user:a --reason", "to be seen");
    let { value } = await lines.next();
    while (String(value).includes("heartbeat")) ({ value } = await lines.next());
    const { operation, reason } = JSON.parse(String(value)).changes;
    assert.deepEqual([operation, reason], ["write_tuples", "to be seen"]);
    await kill();

    await service.done("tuple delete folder:seen#owner@user:a");
    const since = program(`watch --type folder --since ${token}`);
    const texts = createInterface({ input: since.stdout })[Symbol.asyncIterator]();
    const shown = [await texts.next(), await texts.next(), await texts.next(), await texts.next()];
    const [created, plus, deleted, minus] = shown.map((one) => String(one.value));
    assert.match(created ?? "", /^20.* write_tuples by anonymous: to be seen$/);
    assert.equal(plus, "  + folder:seen#owner@user:a");
    assert.match(deleted ?? "", /^20.* write_tuples by anonymous$/);
    assert.equal(minus, "  - folder:seen#owner@user:a");
    await since.kill();
  });

  test("the program leaves quietly when nobody reads on", async () => {
    const { stdout, exited } = program("tuple export");
    stdout.destroy();
    assert.equal(await exited, 0);
  });

  function program(words: string): {
    readonly stdout: NodeJS.ReadableStream & { destroy(): void };
    readonly exited: Promise<unknown>;
    readonly kill: () => Promise<void>;
  } {
    const child = spawn(process.execPath, ["bin/prokura.js", ...words.split(" ")], {
      env: { ...process.env, PROKURA_ADDRESS: service.address },
      stdio: ["ignore", "pipe", "inherit"],
    });
    const exited = once(child, "exit").then(([code]) => code);
    const kill = async (): Promise<void> => {
      child.kill("SIGTERM");
      await exited;
    };
    return { stdout: child.stdout, exited, kill };
  }
});
