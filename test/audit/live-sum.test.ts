import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { LiveSum, modelElement, tupleElement } from "../../src/audit/live-sum.ts";

const element = fc
  .record({ createdRev: fc.nat(), ord: fc.nat(9), id: fc.string() })
  .map(({ id, ...place }) => tupleElement(place, ["doc", id, "viewer", null]));

suite("the sum over what counts", () => {
  test("is the same in whatever order, and whatever came and went between", () => {
    fc.assert(
      fc.property(fc.array(element), fc.array(element), (stay, pass) => {
        const [sum, another] = [new LiveSum(), new LiveSum()];
        for (const one of [...pass, ...stay]) sum.add(one);
        for (const one of pass) sum.subtract(one);
        for (const one of stay.toReversed()) another.add(one);
        assert.equal(sum.digest, another.digest);
      }),
    );
  });

  test("goes on where it was stored", () => {
    fc.assert(
      fc.property(fc.array(element), element, (before, after) => {
        const whole = new LiveSum();
        for (const one of before) whole.add(one);
        const resumed = new LiveSum(whole.bytes);
        assert.equal(resumed.bytes.length, 256);
        for (const sum of [whole, resumed]) sum.add(after);
        assert.equal(resumed.digest, whole.digest);
      }),
    );
  });

  test("differs where any part of an element does", () => {
    const place = { createdRev: 1, ord: 0 };
    const elements = [
      tupleElement(place, ["a", "b"]),
      tupleElement(place, ["ab", ""]),
      tupleElement({ ...place, ord: 1 }, ["a", "b"]),
      tupleElement({ ...place, createdRev: 2 }, ["a", "b"]),
      modelElement("m", { sources: "a", parsed: "b" }),
      modelElement("m", { sources: "b", parsed: "a" }),
    ];
    const digests = elements.map((one) => {
      const sum = new LiveSum();
      sum.add(one);
      return sum.digest;
    });
    assert.equal(new Set(digests).size, elements.length);
  });

  test("is what it was when it goes below nothing and back", () => {
    const sum = new LiveSum();
    const one = tupleElement({ createdRev: 1, ord: 1 }, []);
    sum.subtract(one);
    assert.notEqual(sum.digest, new LiveSum().digest);
    sum.add(one);
    assert.equal(sum.digest, new LiveSum().digest);
  });
});
