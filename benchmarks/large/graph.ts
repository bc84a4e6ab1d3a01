import { parseObject, type ObjectRef } from "../../src/core/object.ts";
import type { Call } from "../../src/core/decision.ts";
import { parseTupleText, type RelationTuple } from "../../src/core/tuple.ts";
import { options, requestContext, type ServiceNode } from "../../test/support/service-node.ts";
import { storeRows } from "./rows.ts";
import { seededRandom } from "../load/random.ts";
import {
  delegationLines,
  organisationModel,
  organisationOf,
  personId,
  readCall,
  type Organisation,
} from "../organisation.ts";

const tellEveryMs = 5_000;

/** Stores an organisation as `storeRows` does, telling of the progress in between. */
export async function fill(
  node: ServiceNode,
  size: number,
  tell: (stored: number) => void,
): Promise<Organisation> {
  const organisation = organisationOf(size);
  const sources = [{ name: "model.fga", text: organisationModel }];
  const model = { sources, activate: true, allowsOwnAbsence: true };
  await node.services.models.write(requestContext(), model, options);
  let toldMs = performance.now();
  const { connectionString } = node.database;
  await storeRows(connectionString, "default", organisation.tuples(), (stored) => {
    if (performance.now() - toldMs < tellEveryMs) return;
    toldMs = performance.now();
    tell(stored);
  });
  return organisation;
}

/** Calls that are allowed; people by Zipf's law, files of their teams likewise. */
export function callsOf(organisation: Organisation, count: number, seed: number): readonly Call[] {
  const random = seededRandom(seed);
  return Array.from({ length: count }, () => {
    const person = Math.floor(organisation.people ** random()) - 1;
    const turn = Math.floor(1_000 ** random()) - 1;
    return callOf(person, organisation.fileOf(Math.max(0, person), turn));
  });
}

/** Calls about one person's files alone: what is in memory after the first round. */
export function hotCallsOf(organisation: Organisation, count: number): readonly Call[] {
  const people = Math.min(organisation.people, 50);
  return Array.from({ length: count }, (_, at) =>
    callOf(at % people, organisation.fileOf(at % people, Math.floor(at / people))),
  );
}

/** Delegations that nobody uses, to be revoked. */
export function spareDelegations(count: number): readonly RelationTuple[] {
  return Array.from({ length: count }, (_, at) =>
    delegationLines(`spare-${at}`, at % 8, `spare-agent-${at}`, `folder:spare-${at}`),
  )
    .flat()
    .map((line) => parseTupleText(line, "tuple"));
}

/** A tuple elsewhere: no check asks about it. */
export function elsewhere(turn: number): RelationTuple {
  return parseTupleText(`group:elsewhere-${turn % 500}#member@user:${personId(turn)}`, "tuple");
}

function callOf(person: number, file: string): Call {
  const { principal, actors, tool, accesses } = readCall(Math.max(0, person), file);
  const ref = ({ type, id }: { readonly type: string; readonly id: string }): ObjectRef =>
    parseObject(type, id, "call");
  return {
    principal: ref(principal),
    actors: actors.map(ref),
    tool: ref(tool),
    accesses: accesses.map(({ resource }) => ({ resource: ref(resource), context: {} })),
    context: {},
    partialChain: false,
    contextualTuples: [],
  };
}
