import { parseObject, type ObjectRef } from "../../src/core/object.ts";
import type { Call } from "../../src/core/decision.ts";
import { parseTupleText, type RelationTuple } from "../../src/core/tuple.ts";
import { options, requestContext, type ServiceNode } from "../../test/support/service-node.ts";
import { seededRandom } from "../load/random.ts";
import {
  delegationLines,
  organisationModel,
  organisationOf,
  personId,
  readCall,
  type Organisation,
} from "../organisation.ts";

const chunkTuples = 5_000;
const tellEveryMs = 5_000;

/**
 * Stores an organisation, telling of the progress in between: straight into the tables, with a revision a
 * chunk, which takes a fraction of the time that an import does.
 */
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
  let stored = 0;
  for (const tuples of inChunks(organisation.tuples())) {
    await storeChunk(node, tuples);
    stored += tuples.length;
    if (performance.now() - toldMs < tellEveryMs) continue;
    toldMs = performance.now();
    tell(stored);
  }
  await node.database.query("reads", { name: "analyze", text: "analyze relation_tuple" }, []);
  return organisation;
}

const chunkStatement = {
  name: "fill_chunk",
  text: `with moved as (
      update tenant set head = head + 1 where id = 'default' returning head, head_at_ms
    ), told as (
      insert into revision (tenant_id, rev, committed_at_ms, caller_id, operation, reason,
        created_count, deleted_count)
      select 'default', head, head_at_ms, 'benchmark', 'import', '', cardinality($1::text[]), 0
      from moved
    )
    insert into relation_tuple (tenant_id, created_rev, ord, object_type, object_id, relation,
      subject_type, subject_id, subject_relation)
    select 'default', head, t.ord, t.object_type, t.object_id, t.relation, t.subject_type,
      t.subject_id, t.subject_relation from moved, unnest($1::text[], $2::text[], $3::text[],
      $4::text[], $5::text[], $6::text[]) with ordinality
      as t(object_type, object_id, relation, subject_type, subject_id, subject_relation, ord)`,
};

async function storeChunk(node: ServiceNode, tuples: readonly RelationTuple[]): Promise<void> {
  const rows = tuples.map(({ object, relation, subject }) =>
    subject.kind === "wildcard"
      ? [object.type, object.id, relation, subject.type, "*", ""]
      : [
          object.type,
          object.id,
          relation,
          subject.object.type,
          subject.object.id,
          subject.kind === "userset" ? subject.relation : "",
        ],
  );
  const columns = Array.from({ length: 6 }, (_, at) => rows.map((row) => row[at]));
  await node.database.query("reads", chunkStatement, columns);
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

function* inChunks(tuples: Iterable<RelationTuple>): Generator<RelationTuple[]> {
  let chunk: RelationTuple[] = [];
  for (const tuple of tuples) {
    chunk.push(tuple);
    if (chunk.length < chunkTuples) continue;
    yield chunk;
    chunk = [];
  }
  if (chunk.length > 0) yield chunk;
}
