import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { Listing } from "../../src/engine/listing.ts";
import { ListingShelf } from "../../src/service/listing-shelf.ts";

suite("the shelf of lists between their pages", () => {
  test("gives a list to one reader of one tenant, under its own token", () => {
    const shelf = new ListingShelf<string>();
    const listing = listingOf(10);
    shelf.keep("one", "token", listing);
    assert.equal(shelf.take("other", "token"), undefined);
    assert.equal(shelf.take("one", "another"), undefined);
    assert.equal(shelf.take("one", "token"), listing);
    assert.equal(shelf.take("one", "token"), undefined);
  });

  test("drops what was kept longest where it holds too much", () => {
    const shelf = new ListingShelf<string>();
    for (const token of ["a", "b", "c"]) shelf.keep("t", token, listingOf(120_000));
    assert.equal(shelf.take("t", "a"), undefined);
    assert.ok(shelf.take("t", "b") !== undefined && shelf.take("t", "c") !== undefined);
    shelf.keep("t", "large", listingOf(300_001));
    assert.equal(shelf.take("t", "large"), undefined);
    for (const token of ["d", "e"]) shelf.keep("t", token, listingOf(150_000));
    assert.ok(shelf.take("t", "d") !== undefined && shelf.take("t", "e") !== undefined);
  });

  test("refuses more work where the lists in progress hold too much", () => {
    const shelf = new ListingShelf<string>();
    using first = shelf.enter(listingOf(600_000));
    shelf.weigh();
    {
      using second = shelf.enter(listingOf(400_001));
      assert.throws(() => shelf.weigh(), { code: "limit_exceeded" });
      assert.ok(first !== second);
    }
    shelf.weigh();
  });
});

function listingOf(weight: number): Listing<string> {
  return {
    wanted: undefined,
    weight,
    supply: () => undefined,
    slice: () => ({ kind: "decided", value: { kind: "slice", elements: [] } }),
  };
}
