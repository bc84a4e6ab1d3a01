import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { hintSeal } from "../../src/store/hint-seal.ts";

const key = Buffer.alloc(32, 7);
const content = "document:plan#viewer@user:alice";

suite("hintSeal", () => {
  test("is opened by every process that has the key, beside its heading", () => {
    const [first, second] = [hintSeal(key), hintSeal(key)];
    for (const text of [content, "", "ü€"]) {
      const sealed = first.seal("acme 7", text);
      assert.equal(second.open(first.name, "acme 7", sealed), text);
      assert.equal(sealed.includes("alice"), false);
    }
  });

  test("is opened neither beside another heading, nor under another name or key", () => {
    const [first, second, other] = [hintSeal(key), hintSeal(key), hintSeal(Buffer.alloc(32, 8))];
    const sealed = first.seal("acme 7", content);
    assert.equal(second.open(first.name, "acme 8", sealed), undefined);
    assert.equal(second.open(second.name, "acme 7", sealed), undefined);
    assert.equal(other.open(first.name, "acme 7", sealed), undefined);
  });

  test("is not opened where one bit of it is another, or some of it is missing", () => {
    const [first, second] = [hintSeal(key), hintSeal(key)];
    const bytes = Buffer.from(first.seal("acme 7", content), "base64");
    for (let index = 0; index < bytes.length; index += 1) {
      const altered = Buffer.from(bytes);
      altered[index] = (altered[index] ?? 0) ^ 1;
      assert.equal(second.open(first.name, "acme 7", altered.toString("base64")), undefined);
      const cut = bytes.subarray(0, index).toString("base64");
      assert.equal(second.open(first.name, "acme 7", cut), undefined);
    }
  });

  test("of the same content is never the same twice", () => {
    const [first, second] = [hintSeal(key), hintSeal(key)];
    const sealed = [first, second].flatMap((seal) =>
      Array.from({ length: 100 }, () => seal.seal("acme 7", content)),
    );
    assert.equal(new Set(sealed).size, 200);
  });

  test("is opened whatever names were made up meanwhile", () => {
    const [first, second] = [hintSeal(key), hintSeal(key)];
    for (let name = 0; name < 2500; name += 1) {
      assert.equal(second.open(String(name), "acme 7", first.seal("acme 7", content)), undefined);
    }
    assert.equal(second.open(first.name, "acme 7", first.seal("acme 7", content)), content);
  });
});
