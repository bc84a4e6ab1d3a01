import assert from "node:assert/strict";
import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path/posix";
import { suite, test } from "node:test";
import fc from "fast-check";
import { foldersOf, normalizePath, resolveLinks } from "../../src/gateway/file-path.ts";
import { Refusal } from "../../src/gateway/refusal.ts";

/** Pieces that paths are attacked with, and plain names. */
const piece = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom("a", "b", "..", ".", "", "e\u0301", "100%", " ") },
  fc.constantFrom("%2e", "%2E%2e", "%2f", "%252e", "%25", "%5c", "%00", "\\", "\0", "~", "%c3%a9"),
  fc.string({ unit: "grapheme", maxLength: 3 }),
);
const anyPath = fc
  .tuple(fc.boolean(), fc.array(fc.array(piece, { maxLength: 3 }), { maxLength: 6 }))
  .map(([absolute, segments]) => {
    const text = segments.map((pieces) => pieces.join("")).join("/");
    return absolute ? `/${text}` : text;
  });

suite("normalizePath", () => {
  test("either refuses or gives a path that nothing is left to do with", () => {
    let refused = 0;
    let taken = 0;
    fc.assert(
      fc.property(anyPath, (text) => {
        const path = normalized(text, "/base");
        if (path === undefined) {
          refused += 1;
          return;
        }
        taken += 1;
        assert.equal(normalizePath(path), path, "idempotent");
        assert.equal(resolve("/", path), path, "no dot segments");
        assert.equal(path.normalize("NFC"), path);
        assert.doesNotMatch(path, /[\p{Cc}\\]|%[0-9a-f]{2}/iu);
        assert.doesNotMatch(path, /["'\s]$/);
      }),
      { numRuns: 5_000 },
    );
    assert.ok(refused > 500 && taken > 500, `${refused} refused, ${taken} taken`);
  });

  test("agrees with the system on what dot segments mean", () => {
    const segment = fc.constantFrom("a", "b", "..", ".", "");
    fc.assert(
      fc.property(fc.array(segment, { maxLength: 10 }), (segments) => {
        const text = `/${segments.join("/")}`;
        assert.equal(normalizePath(text), resolve(text));
      }),
    );
  });

  test("takes nothing that climbs for a path below", () => {
    fc.assert(
      fc.property(anyPath, (text) => {
        const path = normalized(`/safe/${text}`);
        if (path === undefined || path === "/safe" || path.startsWith("/safe/")) return;
        assert.match(decodeURIComponent(text.replace(/%(?![0-9a-f]{2})/gi, "%25")), /\.\./);
        assert.ok(!foldersOf(path, "/safe").includes("/safe"), path);
      }),
      { numRuns: 5_000 },
    );
  });

  const refusals = {
    "is empty": "",
    "is not absolute": "a/b",
    "contains a control character": "/a\0.png",
    "contains a backslash": "/a\\..\\b",
    "is percent-encoded more than once": "/a/%252e%252e/b",
    "has a percent-encoding that is not UTF-8": "/a/%ff",
    "ends in white space or a quote": '/a/b"',
    "is longer than 4096 characters": `/${"a".repeat(4_096)}`,
  };
  for (const [why, path] of Object.entries(refusals)) {
    test(`refuses what ${why}`, () => {
      assert.throws(
        () => normalizePath(path),
        (error) => error instanceof Refusal && error.message.endsWith(why),
      );
    });
  }

  test("refuses an encoded separator that is no plain one", () => {
    assert.throws(() => normalizePath("/a%5cb"), Refusal);
    assert.throws(() => normalizePath("/a%00b"), Refusal);
    assert.equal(normalizePath("/a%2f%2e%2e%2fb"), "/b");
  });

  test("refuses white space at the end also where dots hid it", () => {
    assert.throws(() => normalizePath("/a /."), Refusal);
  });

  test("gives one form to names that differ in Unicode form alone", () => {
    assert.equal(normalizePath("/cafe\u0301"), normalizePath("/caf\u00e9"));
    assert.equal(normalizePath("/caf%C3%A9"), "/caf\u00e9");
  });

  test("does not expand a tilde", () => {
    assert.throws(() => normalizePath("~/x"), Refusal);
    assert.equal(normalizePath("~/x", "/base"), "/base/~/x");
  });
});

suite("resolveLinks", () => {
  test("gives the path that the system opens", async () => {
    await using world = await createLinks();
    const cases = {
      "in/file": "in/file",
      "in/link": "out/file",
      "in/door/file": "out/file",
      "in/door/new/deep": "out/new/deep",
      "in/chain": "out/file",
    };
    for (const [given, expected] of Object.entries(cases)) {
      assert.equal(await resolveLinks(join(world.root, given)), join(world.root, expected));
    }
  });

  test("leads through no link, whatever the path", async () => {
    await using world = await createLinks();
    const names = ["in", "out", "file", "link", "door", "chain", "dangling", "circle", "new", ".."];
    let resolvedCount = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom(...names), { minLength: 1, maxLength: 6 }),
        async (segments) => {
          const path = normalizePath(`${world.root}/${segments.join("/")}`);
          const resolved = await resolveLinks(path).catch((error: unknown) => {
            assert.ok(error instanceof Refusal, String(error));
          });
          if (resolved === undefined) return;
          resolvedCount += 1;
          const real = await realpath(resolved).catch(() => resolved);
          assert.equal(real, resolved);
          assert.equal(await resolveLinks(resolved), resolved, "idempotent");
        },
      ),
      { numRuns: 500 },
    );
    assert.ok(resolvedCount > 100, String(resolvedCount));
  });

  test("refuses links that lead nowhere or in a circle", async () => {
    await using world = await createLinks();
    for (const given of ["in/dangling", "in/dangling/new", "in/circle", "in/file/below"]) {
      await assert.rejects(resolveLinks(join(world.root, given)), Refusal, given);
    }
  });

  test("refuses a name that exists in another Unicode form", async () => {
    await using world = await createLinks();
    await assert.rejects(resolveLinks(join(world.root, "in/caf\u00e9")), Refusal);
    await assert.rejects(resolveLinks(join(world.root, "in/to-odd")), Refusal);
  });
});

suite("foldersOf", () => {
  test("ends at the root, or at the top where the path is outside", () => {
    assert.deepEqual(foldersOf("/r/a/b", "/r"), ["/r/a", "/r"]);
    assert.deepEqual(foldersOf("/r", "/r"), []);
    assert.deepEqual(foldersOf("/rest/a", "/r"), ["/rest", "/"]);
    assert.deepEqual(foldersOf("/", "/"), []);
  });
});

function normalized(text: string, base?: string): string | undefined {
  try {
    return normalizePath(text, base);
  } catch (error) {
    assert.ok(error instanceof Refusal, String(error));
    return undefined;
  }
}

async function createLinks(): Promise<AsyncDisposable & { readonly root: string }> {
  const root = await realpath(await mkdtemp(join(tmpdir(), "prokura-links-")));
  await mkdir(join(root, "in"));
  await mkdir(join(root, "out"));
  await writeFile(join(root, "in/file"), "");
  await writeFile(join(root, "out/file"), "");
  await writeFile(join(root, "in/cafe\u0301"), "");
  await mkdir(join(root, "out/%41"));
  await symlink(join(root, "out/file"), join(root, "in/link"));
  await symlink("../out", join(root, "in/door"));
  await symlink("link", join(root, "in/chain"));
  await symlink(join(root, "none"), join(root, "in/dangling"));
  await symlink("circle", join(root, "in/circle"));
  await symlink(join(root, "out/%41"), join(root, "in/to-odd"));
  return { root, [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }) };
}
