import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import {
  formatDecisionRow,
  withoutContext,
  type LoggedDecision,
} from "../../src/audit/decision-row.ts";
import { parseRow, textOf } from "../../src/audit/log-row.ts";
import { termsOfRow } from "../../src/audit/segment-index.ts";
import { hashTerm, Terms } from "../../src/audit/terms.ts";
import type { Call, Decision } from "../../src/core/decision.ts";
import { DomainError } from "../../src/core/error.ts";
import { canonicalJson } from "../../src/core/json.ts";
import { parseObject } from "../../src/core/object.ts";
import { parseRevision, parseTimeline } from "../../src/core/revision.ts";

const id = fc.string({ minLength: 1, maxLength: 12, unit: "grapheme" }).filter((text) => {
  try {
    parseObject("user", text, "object");
    return true;
  } catch {
    return false;
  }
});
const object = fc
  .tuple(fc.constantFrom("user", "agent", "tool"), id)
  .map(([type, name]) => parseObject(type, name, "object"));
const context = fc.dictionary(fc.constantFrom("to", "amount"), fc.oneof(fc.string(), fc.nat()), {
  noNullPrototype: true,
});
const call: fc.Arbitrary<Call> = fc
  .record({
    principal: object,
    actors: fc.array(object, { minLength: 1, maxLength: 3 }),
    tool: object,
    accesses: fc.array(
      fc.record({ resource: object, context, role: fc.constantFrom("source", "target") }),
      { maxLength: 3 },
    ),
    context,
    session: object,
    delegationId: fc.string(),
    partialChain: fc.boolean(),
    shownToken: fc.record(
      { issuer: fc.string(), id: fc.string(), keyThumbprint: fc.string() },
      { requiredKeys: ["issuer"] },
    ),
  })
  .map((made) => ({ ...made, contextualTuples: [] }));
const decision: fc.Arbitrary<Decision> = fc
  .tuple(fc.boolean(), fc.array(fc.string(), { maxLength: 3 }), fc.nat(), fc.string())
  .map(([allowed, delegationIds, revision, text]) => ({
    id: `${text}-1`,
    verdict: allowed
      ? { kind: "allowed", delegationIds }
      : {
          kind: "denied",
          reason: "context_missing",
          missingNames: [text],
          delegationIds,
          detail: "it says who",
        },
    tenant: "acme",
    timeline: parseTimeline("00000001"),
    revision: parseRevision(revision),
    modelId: text,
  }));
const logged: fc.Arbitrary<LoggedDecision> = fc.record(
  {
    atMs: fc.nat(),
    callerId: fc.string(),
    call,
    outcome: fc.oneof(decision, fc.constant(new DomainError("budget_exceeded", "too much"))),
    latencyUs: fc.double({ min: 0, max: 1e9, noNaN: true }),
    traceId: fc.string(),
  },
  { requiredKeys: ["atMs", "callerId", "call", "outcome", "latencyUs"] },
);
const place = { tenant: "acme", chain: 'a "node"', seq: 7 };

suite("the row of a decision", () => {
  test("is canonical JSON, though put together by hand", () => {
    fc.assert(
      fc.property(logged, fc.subarray(["to", "amount"]), (one, kept) => {
        const row = formatDecisionRow(one, place, new Set(kept));
        assert.equal(canonicalJson(JSON.parse(row)), row);
        assert.deepEqual(parseRow(row)?.place, place);
      }),
      { numRuns: 1000 },
    );
  });

  test("is the same whether its contexts were put by before or not", () => {
    fc.assert(
      fc.property(logged, fc.subarray(["to", "amount"]), (one, names) => {
        const kept = new Set(names);
        const light = withoutContext(one, kept);
        assert.equal(formatDecisionRow(light, place, kept), formatDecisionRow(one, place, kept));
        assert.deepEqual(light.call.context, {});
      }),
    );
  });

  test("of a call that comes again is what it would be of one that does not", () => {
    fc.assert(
      fc.property(
        logged,
        fc.array(fc.record({ other: logged, mask: fc.nat(127) }), { minLength: 1, maxLength: 6 }),
        fc.boolean(),
        (one, changes, isBare) => {
          const { accesses } = one.call;
          const bare = accesses.map((access) => ({ ...access, context: {} }));
          const asked = isBare
            ? { ...one.call, accesses: bare, context: {}, contextualTuples: [] }
            : one.call;
          const call = { ...asked, isShared: true as const };
          let current = { ...one, call };
          let at = { ...place };
          for (const { other, mask } of [{ other: one, mask: 0 }, ...changes]) {
            current = {
              ...current,
              ...(mask & 1 ? { callerId: other.callerId } : {}),
              ...(mask & 2 ? { outcome: other.outcome } : {}),
              ...(mask & 4 ? { latencyUs: other.latencyUs, atMs: other.atMs } : {}),
              ...(mask & 8 && other.traceId !== undefined ? { traceId: other.traceId } : {}),
            };
            at = {
              seq: at.seq + 1,
              tenant: mask & 16 ? other.callerId : at.tenant,
              chain: mask & 32 ? other.callerId : at.chain,
            };
            const kept = new Set(mask & 64 ? ["to"] : []);
            const alone = { ...current, call: asked };
            assert.equal(formatDecisionRow(current, at, kept), formatDecisionRow(alone, at, kept));
          }
        },
      ),
      { numRuns: 1000 },
    );
  });

  test("is found by what it says", () => {
    fc.assert(
      fc.property(logged, (one) => {
        const terms = new Terms();
        terms.add(one);
        const row = parseRow(formatDecisionRow(one, place, new Set()));
        const found = row === undefined ? [] : termsOfRow(row);
        assert.deepEqual(new Set(found.map((term) => hashTerm(term))), new Set(terms.numbers));
      }),
    );
  });

  test("has no value of a context but those that are kept, and a hash of all", () => {
    const [one] = fc.sample(logged, 1);
    assert(one !== undefined);
    const given = { to: "bob@example.com", body: "nobody's business" };
    const asked = { ...one, call: { ...one.call, context: given } };
    const bare = formatDecisionRow(asked, place, new Set());
    assert(!bare.includes("bob@example.com") && !bare.includes("business"));
    assert.match(textOf(parseRow(bare)?.members ?? {}, "context_hash"), /^[0-9a-f]{64}$/);
    const partly = formatDecisionRow(asked, place, new Set(["to"]));
    assert(partly.includes("bob@example.com") && !partly.includes("business"));
  });
});
