import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { parseObjectText } from "../../src/core/object.ts";
import type { MutationResult, PairRoom } from "../../src/store/mutation.ts";
import { create, mutation, openTestStore, remove } from "../support/store.ts";

suite("the room of a pair", () => {
  test("lets no pair have more delegations than there was room for, whoever makes them", async () => {
    await using store = await openTestStore();
    const { revision: since } = await store.writer.write(mutation({}));
    const room: PairRoom = {
      kind: "pair_room",
      principal: objectOf("user:p"),
      delegate: objectOf("agent:d"),
      since,
      madeMax: 2,
    };
    const make = (id: string, principal = "user:p"): Promise<MutationResult> =>
      store.writer.write(
        mutation({
          steps: [
            create(`delegation:${id}#principal@${principal}`),
            create(`delegation:${id}#delegator@${principal}`),
            create(`delegation:${id}#delegate@agent:d`),
          ],
          preconditions: [{ ...room, principal: objectOf(principal) }],
        }),
      );
    const inBatch = await Promise.all(["a", "b", "c"].map((id) => make(`room-${id}`)));
    assert.deepEqual(inBatch.map(errorOf), [undefined, undefined, "write_conflict"]);
    assert.equal(errorOf(await make("room-d")), "write_conflict");
    assert.equal(errorOf(await make("room-e", "user:q")), undefined);
    await store.write(remove("delegation:room-a#principal@user:p"));
    assert.equal(errorOf(await make("room-f")), undefined);
  });
});

function objectOf(text: string): PairRoom["principal"] {
  return parseObjectText(text, "object");
}

function errorOf(result: MutationResult): string | undefined {
  return result.kind === "refused" ? result.error.code : undefined;
}
