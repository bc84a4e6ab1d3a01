import { delegationType } from "../core/delegation.ts";
import { DomainError } from "../core/error.ts";
import type { Name, ObjectRef } from "../core/object.ts";
import { pageTuplesMax, type LoadedPage, type PageKey, type TakePart } from "../core/page.ts";
import type { Revision } from "../core/revision.ts";
import type { Session } from "./database.ts";
import {
  group,
  parse,
  readGroups,
  sortColumns,
  suffixOf,
  tuplesOf,
  type Column,
  type PageRow,
  type Source,
} from "./page-rows.ts";
import type { TupleRow } from "./schema.ts";
import { columnsOfSubject, keyColumns, tupleColumns, tupleOfRow } from "./tuple-row.ts";

/** A page that is never held in part has a limit all the same. */
const wholePageTuplesMax = 200_000;
/** So many of one reverse page come in one reply. */
const replyTuplesMax = 1_000;
/** Where a principal has given more, a pair's are looked for among those that the delegate holds. */
const fewDelegations = 500;

export interface LoadOptions {
  /** An older revision, which must not lie below the horizon. */
  readonly at?: Revision;
  /** Where it is given, large pages come in parts. */
  readonly take?: TakePart;
}

/**
 * Reads the pages, in the order of the keys, at the snapshot's head or as of an older revision. It
 * takes no more than a few milliseconds of any tick. Fails with `limit_exceeded` where a page is beyond
 * all bounds.
 */
export async function loadPages(
  session: Session,
  tenant: string,
  keys: readonly PageKey[],
  { at, take }: LoadOptions = {},
): Promise<readonly LoadedPage[]> {
  const pages = new Map<PageKey, LoadedPage>();
  const source: Source = { session, tenant, at, take, parsed: { sinceTurn: 0 } };
  // One connection runs one statement after another, so nothing is gained by sending them together.
  for (const load of [loadForward, loadPoints, loadObjects, loadReverse, loadPairs]) {
    for (const page of await load(source, keys)) pages.set(page.key, page);
  }
  return keys.flatMap((key) => pages.get(key) ?? []);
}

type KeyOf<Kind extends PageKey["kind"]> = Extract<PageKey, { readonly kind: Kind }>;
const subjectColumns = ["subject_type", "subject_id", "subject_relation"] as const;
const onlyIndirect =
  "(t.subject_relation <> '' or t.subject_id = '*' or t.condition_name is not null)";

async function loadForward(source: Source, keys: readonly PageKey[]): Promise<LoadedPage[]> {
  const wanted = keys.filter((key) => key.kind === "forward");
  const groups = await readForward(source, wanted);
  const pages: LoadedPage[] = [];
  for (const [place, key] of wanted.entries()) {
    const { rows, partial } = groups[place] ?? { rows: [], partial: false };
    const tuples = await parse(source, rows, key);
    pages.push({ key, tuples, partialRelations: partial ? [key.relation] : [] });
  }
  return pages;
}

interface ForwardKey {
  readonly object: ObjectRef;
  readonly relation: Name;
}

interface ForwardGroup {
  readonly rows: readonly PageRow[];
  readonly partial: boolean;
}

async function readForward(
  source: Source,
  keys: readonly ForwardKey[],
): Promise<readonly ForwardGroup[]> {
  const first = await readWhole(source, keys);
  const whole: (readonly PageRow[])[] = [];
  for (const [place, key] of keys.entries()) {
    whole.push(await readOn(source, key, first[place] ?? []));
  }
  const large = keys.filter((_, place) => (whole[place]?.length ?? 0) > pageTuplesMax);
  const partial = await readGroups(source, {
    name: "page_forward_partial",
    columns: ["object_type", "object_id", "relation"],
    values: forwardValues(large),
    condition: onlyIndirect,
    limit: wholePageTuplesMax + 1,
  });
  return keys.map((key, place) => {
    const part = partial[large.indexOf(key)];
    if (part !== undefined) return { rows: checkWhole(part), partial: true };
    return { rows: large.includes(key) ? [] : (whole[place] ?? []), partial: large.includes(key) };
  });
}

async function readWhole(
  source: Source,
  keys: readonly ForwardKey[],
  last?: PageRow,
): Promise<readonly (readonly PageRow[])[]> {
  return await readGroups(source, {
    name: "page_forward",
    columns: ["object_type", "object_id", "relation"],
    values: forwardValues(keys),
    ...(last === undefined ? {} : { after: subjectColumns.map((name) => [name, last[name]]) }),
    limit: replyTuplesMax,
  });
}

/** The rest of a page of which one reply was not enough, up to where it is too large to be held whole. */
async function readOn(
  source: Source,
  key: ForwardKey,
  first: readonly PageRow[],
): Promise<readonly PageRow[]> {
  const rows = [...first];
  for (let read = first.length; read === replyTuplesMax && rows.length <= pageTuplesMax;) {
    const [next = []] = await readWhole(source, [key], rows.at(-1));
    read = next.length;
    rows.push(...next);
  }
  return rows;
}

function forwardValues(keys: readonly ForwardKey[]): readonly Column[] {
  return [
    keys.map((key) => key.object.type),
    keys.map((key) => key.object.id),
    keys.map((key) => key.relation),
  ];
}

async function loadPoints(source: Source, keys: readonly PageKey[]): Promise<LoadedPage[]> {
  const wanted = keys.filter((key) => key.kind === "point");
  const subjects = wanted.map((key) => columnsOfSubject(key.subject));
  const groups = await readGroups(source, {
    name: "page_point",
    columns: keyColumns,
    values: [
      ...forwardValues(wanted),
      subjects.map((subject) => subject.subject_type),
      subjects.map((subject) => subject.subject_id),
      subjects.map((subject) => subject.subject_relation),
    ],
    limit: 1,
  });
  return parseAll(source, wanted, groups);
}

/** Pages that are small enough to come whole. */
async function parseAll(
  source: Source,
  keys: readonly PageKey[],
  groups: readonly (readonly PageRow[])[],
): Promise<LoadedPage[]> {
  const pages: LoadedPage[] = [];
  for (const [place, key] of keys.entries()) {
    const tuples = await parse(source, groups[place] ?? []);
    pages.push({ key, tuples, partialRelations: [] });
  }
  return pages;
}

async function loadObjects(source: Source, keys: readonly PageKey[]): Promise<LoadedPage[]> {
  const wanted = keys.filter((key) => key.kind === "object");
  const groups = await readGroups(source, {
    name: "page_object",
    columns: ["object_type", "object_id"],
    values: [wanted.map((key) => key.object.type), wanted.map((key) => key.object.id)],
    limit: pageTuplesMax + 1,
  });
  const pages: LoadedPage[] = [];
  for (const [place, key] of wanted.entries()) {
    const rows = groups[place] ?? [];
    if (rows.length > pageTuplesMax) pages.push(await loadLargeObject(source, key));
    else pages.push({ key, tuples: await parse(source, rows, key), partialRelations: [] });
  }
  return pages;
}

/** An object of which some relation may be too large: each relation is read for itself. */
async function loadLargeObject(source: Source, key: KeyOf<"object">): Promise<LoadedPage> {
  const relations = await readRelations(source, key.object);
  const groups = await readForward(
    source,
    relations.map((relation) => ({ object: key.object, relation })),
  );
  return {
    key,
    tuples: await parse(
      source,
      groups.flatMap((group) => group.rows),
      key,
    ),
    partialRelations: relations.filter((_, place) => groups[place]?.partial === true),
  };
}

/** From one relation to the next in order, so that their tuples need not be read. */
async function readRelations(source: Source, object: ObjectRef): Promise<Name[]> {
  const relations: Name[] = [];
  for (;;) {
    const { text, values } = tuplesOf(source, 5);
    const rows = await source.session.query<TupleRow>(
      {
        name: `page_next_relation${suffixOf(source)}`,
        text: `select ${tupleColumns.join(", ")} from ${text} t
          where t.tenant_id = $1 and t.object_type = $2 and t.object_id = $3 and t.relation > $4
          order by ${sortColumns} limit 1`,
      },
      [source.tenant, object.type, object.id, relations.at(-1) ?? "", ...values],
    );
    const [row] = rows;
    if (row === undefined) return relations;
    relations.push(tupleOfRow(row).relation);
  }
}

async function loadReverse(source: Source, keys: readonly PageKey[]): Promise<LoadedPage[]> {
  const wanted = keys.filter((key) => key.kind === "reverse");
  const groups = await readReverse(source, wanted, "");
  const pages: LoadedPage[] = [];
  for (const [place, key] of wanted.entries()) {
    let rows = groups[place] ?? [];
    let tuples = await parse(source, rows, key);
    for (let read = rows.length; rows.length === replyTuplesMax; read += rows.length) {
      checkBounds(read);
      const before = tuples;
      if (source.take !== undefined) source.take(key, before);
      rows = (await readReverse(source, [key], rows.at(-1)?.object_id ?? ""))[0] ?? [];
      tuples = await parse(source, rows, key);
      if (source.take === undefined) tuples = [...before, ...tuples];
    }
    pages.push({ key, tuples, partialRelations: [] });
  }
  return pages;
}

/** Objects of a reverse page follow each other by their ids alone. */
async function readReverse(
  source: Source,
  keys: readonly KeyOf<"reverse">[],
  after: string,
): Promise<readonly (readonly PageRow[])[]> {
  const subjects = keys.map((key) => columnsOfSubject(key.subject));
  return await readGroups(source, {
    name: "page_reverse",
    columns: ["subject_type", "subject_id", "subject_relation", "object_type", "relation"],
    values: [
      subjects.map((subject) => subject.subject_type),
      subjects.map((subject) => subject.subject_id),
      subjects.map((subject) => subject.subject_relation),
      keys.map((key) => key.type),
      keys.map((key) => key.relation),
    ],
    after: [["object_id", after]],
    limit: replyTuplesMax,
  });
}

/**
 * By the principal's delegations, each asked for the delegate: an agent may act for millions, and
 * the delegations of one principal are few beside that.
 */
async function loadPairs(source: Source, keys: readonly PageKey[]): Promise<LoadedPage[]> {
  const wanted = keys.filter((key) => key.kind === "pair");
  if (wanted.length === 0) return [];
  const { text, values } = tuplesOf(source, 6);
  const of = (alias: string, relation: "principal" | "delegate"): string =>
    `${alias}.tenant_id = $1 and ${alias}.object_type = '${delegationType}'
      and ${alias}.relation = '${relation}' and ${alias}.subject_type = k.${relation}_type
      and ${alias}.subject_id = k.${relation}_id and ${alias}.subject_relation = ''`;
  const rows = await source.session.query<PageRow>(
    {
      name: `page_pair${suffixOf(source)}`,
      text: `select k.place::integer as place, ${tupleColumns.map((name) => `t.${name}`).join(", ")}
        from unnest($2::text[], $3::text[], $4::text[], $5::text[]) with ordinality
          as k(principal_type, principal_id, delegate_type, delegate_id, place)
        cross join lateral (select count(*) <= ${fewDelegations} as are_few
          from (select 1 from ${text} t where ${of("t", "principal")} limit ${fewDelegations + 1}) c) s
        cross join lateral (
          select t.* from (select * from ${text} t where s.are_few and ${of("t", "principal")} offset 0) t
          cross join lateral (select 1 from ${text} d
            where d.object_id = t.object_id and ${of("d", "delegate")} limit 1) d
          union all
          select t.* from (select * from ${text} d where not s.are_few and ${of("d", "delegate")} offset 0) d
          cross join lateral (select * from ${text} t
            where t.object_id = d.object_id and ${of("t", "principal")} limit 1) t) t
        order by k.place, ${sortColumns} limit ${wholePageTuplesMax + 1}`,
    },
    [
      source.tenant,
      wanted.map((key) => key.principal.type),
      wanted.map((key) => key.principal.id),
      wanted.map((key) => key.delegate.type),
      wanted.map((key) => key.delegate.id),
      ...values,
    ],
  );
  return await parseAll(source, wanted, group(checkWhole(rows)));
}

function checkWhole<Item>(items: readonly Item[]): readonly Item[] {
  checkBounds(items.length);
  return items;
}

function checkBounds(tuples: number): void {
  if (tuples <= wholePageTuplesMax) return;
  throw new DomainError(
    "limit_exceeded",
    `one page of the graph has more than ${wholePageTuplesMax} tuples`,
  );
}
