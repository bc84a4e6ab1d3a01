import { chainLinksMax } from "../../../src/core/delegation.ts";
import { compareBytes } from "../../../src/core/byte-order.ts";
import type { Call } from "../../../src/core/decision.ts";
import { formatObject, sameObject, type Name, type ObjectRef } from "../../../src/core/object.ts";
import type { RelationTuple } from "../../../src/core/tuple.ts";
import { subjectOf } from "../../../src/core/subject.ts";
import { contract, type Questions } from "./questions.ts";
import { every, no, truthOf, type Truth } from "./truth.ts";
import { isUnexpired, tuplesOf, type World } from "./world.ts";

/** The delegations from a leaf up to where no single parent leads on; D1 first. */
export interface Chain {
  readonly links: readonly Link[];
  /** It ends at a delegation without a parent, meets none twice, and has at most 8 links. */
  readonly ends: boolean;
}

export interface Link {
  readonly object: ObjectRef;
  readonly principals: readonly ObjectRef[];
  readonly delegators: readonly ObjectRef[];
  readonly delegates: readonly ObjectRef[];
  readonly parents: readonly ObjectRef[];
  readonly isExpired: boolean;
}

/** One chain for each delegation of the principal to the last actor, in the order of their ids. */
export function chainsOf(questions: Questions, call: Call): Chain[] {
  const { world } = questions;
  const last = call.actors.at(-1);
  return questions.world.objects
    .filter((object) => object.type === "delegation")
    .filter(({ id }) => call.delegationId === undefined || id === call.delegationId)
    .toSorted((left, right) => compareBytes(left.id, right.id))
    .map((object) => linkOf(world, object))
    .filter(
      (leaf) =>
        leaf.principals.some((principal) => sameObject(principal, call.principal)) &&
        leaf.delegates.some((delegate) => last !== undefined && sameObject(delegate, last)),
    )
    .map((leaf) => chainEndingIn(world, leaf));
}

/** Rule 2, but for expiry and suspension: shape, actors and `delegable_to`. */
export function isSound(questions: Questions, call: Call, chain: Chain): Truth {
  return every([truthOf(hasShape(call, chain)), ...mayBeDelegatedTo(questions, call, chain)]);
}

function chainEndingIn(world: World, leaf: Link): Chain {
  const links: Link[] = [leaf];
  let first = leaf;
  while (true) {
    const [parent, ...others] = first.parents;
    if (parent === undefined) return { links, ends: true };
    const isMet = links.some((link) => sameObject(link.object, parent));
    if (others.length > 0 || isMet || links.length === chainLinksMax) return { links, ends: false };
    first = linkOf(world, parent);
    links.unshift(first);
  }
}

function linkOf(world: World, object: ObjectRef): Link {
  const identity = [
    contract("principal"),
    contract("delegator"),
    contract("delegate"),
    contract("parent"),
  ];
  return {
    object,
    principals: objectsIn(tuplesOf(world, object, contract("principal"))),
    delegators: objectsIn(tuplesOf(world, object, contract("delegator"))),
    delegates: objectsIn(tuplesOf(world, object, contract("delegate"))),
    parents: objectsIn(tuplesOf(world, object, contract("parent"))),
    isExpired: identity
      .flatMap((relation: Name) => tuplesOf(world, object, relation))
      .some((tuple) => !isUnexpired(world.now, tuple, "grants")),
  };
}

function objectsIn(tuples: readonly RelationTuple[]): ObjectRef[] {
  return tuples.flatMap(({ subject }) => (subject.kind === "object" ? [subject.object] : []));
}

function hasShape(call: Call, { links, ends }: Chain): boolean {
  const delegates = links.map((link) => only(link.delegates));
  const delegators = links.map((link) => only(link.delegators));
  const principals = links.map((link) => only(link.principals));
  const principal = formatObject(call.principal);
  const actors = call.actors.map(formatObject);
  const expected = call.partialChain ? [...delegates.slice(0, -1), ...actors] : actors;
  return (
    ends &&
    delegates.length === expected.length &&
    delegates.every((delegate, index) => delegate !== undefined && delegate === expected[index]) &&
    principals.every((one) => one === principal) &&
    delegators.every((one, index) => one === (index === 0 ? principal : delegates[index - 1]))
  );
}

function only(objects: readonly ObjectRef[]): string | undefined {
  const [object, ...others] = objects;
  return object === undefined || others.length > 0 ? undefined : formatObject(object);
}

/** Every delegate after the first, to every delegation before its own. */
function mayBeDelegatedTo(questions: Questions, call: Call, { links }: Chain): Truth[] {
  return links.flatMap((link, index) =>
    links.slice(0, index).map((before) => {
      const [delegate] = link.delegates;
      if (delegate === undefined) return no;
      return questions.has(
        {
          object: before.object,
          relation: contract("delegable_to"),
          subject: subjectOf(delegate),
          context: call.context,
        },
        "grants",
      );
    }),
  );
}
