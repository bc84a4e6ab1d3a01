import assert from "node:assert/strict";
import { suite, test } from "node:test";

import fc from "fast-check";

import { DomainError } from "../../src/core/error.ts";
import { parseName } from "../../src/core/object.ts";
import { formatPermission, parsePermission, type Permission } from "../../src/model/permission.ts";

const name = fc
  .stringMatching(/^[A-Za-z][A-Za-z0-9_-]{0,63}$/)
  .map((text) => parseName(text, "name"));

const permission: fc.Arbitrary<Permission> = fc.oneof(
  fc.constant<Permission>({ kind: "none" }),
  fc
    .tuple(name, name)
    .map(([type, relation]): Permission => ({ kind: "relation", type, relation, optional: false })),
  fc.tuple(name, name, name, fc.boolean()).map(([type, relation, role, optional]): Permission => ({
    kind: "relation",
    type,
    relation,
    role,
    optional,
  })),
);

suite("parsePermission", () => {
  test("reads what formatPermission writes", () => {
    fc.assert(
      fc.property(permission, (written) => {
        assert.deepEqual(parsePermission(formatPermission(written), "permission"), written);
      }),
    );
  });

  for (const id of [
    "",
    "document",
    "document/",
    "/viewer",
    "document/viewer/",
    "document/viewer/?",
    "a/b/c/d",
    "none/",
    "a/b?",
    "document/view er",
  ]) {
    test(`refuses \`${id}\``, () => {
      assert.throws(
        () => parsePermission(id, "permission"),
        (error) => error instanceof DomainError && error.code === "malformed",
      );
    });
  }

  test("takes a type called none for a type where a relation follows", () => {
    assert.deepEqual(parsePermission("none/viewer", "permission"), {
      kind: "relation",
      type: "none",
      relation: "viewer",
      optional: false,
    });
  });
});
