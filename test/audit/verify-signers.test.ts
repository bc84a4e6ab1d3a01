import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { SigningKey } from "../../src/audit/checkpoint.ts";
import { Findings } from "../../src/audit/finding.ts";
import type { RevisionPart } from "../../src/audit/log-part.ts";
import { textToSign } from "../../src/audit/revision-digest.ts";
import { SignersVerifier } from "../../src/audit/verify-signers.ts";
import { newKey, tenant } from "./made-log.ts";

const [key, other] = [newKey(), newKey()];

/** Revisions that a node wrote together, from that one on. */
function batch(first: number, count: number, by?: SigningKey): RevisionPart[] {
  return Array.from({ length: count }, (_, index) => {
    const revision = first + index;
    const facts = {
      tenant,
      revision,
      committedAtMs: revision,
      callerId: "a",
      operation: "write_tuples",
      reason: "",
      modelId: null,
      createdCount: 0,
      deletedCount: 0,
      recordIds: null,
      contentDigest: "",
      ...(by === undefined ? {} : { signer: by.publicKey }),
    };
    const digest = `digest ${revision}`;
    const part: RevisionPart = { kind: "revision", facts, digest };
    if (by === undefined || index < count - 1) return part;
    return { ...part, signed: { count, signature: by.signText(textToSign(facts, digest, count)) } };
  });
}

function verify(parts: readonly RevisionPart[], through: number = Infinity) {
  const findings = new Findings();
  const believes = (one: string): boolean => one === key.publicKey;
  const verifier = new SignersVerifier({ believes, through, findings });
  for (const part of parts) verifier.revision(part);
  verifier.end(parts.length);
  return { found: findings.list.map(({ seq }) => seq), unsigned: verifier.unsigned };
}

suite("verifying who wrote the changes", () => {
  test("takes what nodes signed, one or many together", () => {
    assert.deepEqual(verify([...batch(1, 3, key), ...batch(4, 1, key)]), {
      found: [],
      unsigned: 0,
    });
  });

  test("counts what is from before the first that is signed", () => {
    assert.deepEqual(verify([...batch(1, 2), ...batch(3, 2, key)]), { found: [], unsigned: 2 });
    assert.deepEqual(verify(batch(1, 4)), { found: [], unsigned: 4 });
  });

  test("finds what nobody signed between, and at the end, as far as it must be signed", () => {
    const between = [...batch(1, 2, key), ...batch(3, 1), ...batch(4, 2, key)];
    assert.deepEqual(verify(between).found, [3]);
    const atEnd = [...batch(1, 2, key), ...batch(3, 2)];
    assert.deepEqual(verify(atEnd).found, [3]);
    assert.deepEqual(verify(atEnd, 2).found, []);
  });

  test("finds a signature by a key for which nothing speaks, or of something else", () => {
    const [one, two] = [batch(1, 1, key), batch(2, 1, other)];
    assert.deepEqual(verify([...one, ...two]).found, [2]);
    assert.deepEqual(verify([...one, ...two], 1).found, []);
    const [last] = batch(2, 1, key);
    assert(last !== undefined);
    assert.deepEqual(verify([...one, { ...last, digest: "another" }]).found, [2]);
    const signed = last.signed && { ...last.signed, count: 2 };
    assert.deepEqual(verify([...one, { ...last, ...(signed && { signed }) }]).found, [2]);
  });

  test("speaks for no more than was written together", () => {
    const [first, second] = batch(1, 2, key);
    const [third] = batch(3, 1, key);
    assert(first !== undefined && second !== undefined && third !== undefined);
    const { signed: _, ...bare } = second;
    assert.deepEqual(verify([first, bare, third]).found, [1]);
  });
});
