import { delegationType } from "../core/delegation.ts";
import { placeOf } from "./check-relations.ts";
import { findingAt, type Finding } from "./finding.ts";
import type { SourceModel, SourceRelation, SourceRewrite, SourceType } from "./source-model.ts";

/**
 * That every relation can have members, that none is computed from itself alone, and that none
 * depends on its own absence: so the tuples have one meaning, the least fixpoint. Where
 * `allowsOwnAbsence`, tuples may make it do so: what hangs on such tuples is then an error when asked.
 */
export function checkRecursion(source: SourceModel, allowsOwnAbsence: boolean): Finding[] {
  const nodes = nodesOf(source);
  const findings: Finding[] = [];
  const satisfiable = findSatisfiable(nodes);
  const components = findComponents(nodes, () => true);
  const computed = findComponents(nodes, (edge) => edge.kind === "computed");
  for (const [place, node] of nodes) {
    const { position } = node.relation;
    if (!satisfiable.has(place)) {
      const hint = "add a type in brackets somewhere on each of its ways";
      findings.push(
        findingAt(position, "no_entrypoint", `${place}: no tuple can give it a member`, hint),
      );
    }
    const loops = (edge: Edge): boolean => computed.get(edge.to) === computed.get(place);
    if (node.edges.some((edge) => edge.kind === "computed" && loops(edge))) {
      const hint = "leave one of the references out: the relations have the same members";
      findings.push(
        findingAt(position, "computed_cycle", `${place}: it is computed from itself`, hint),
      );
    }
    for (const { to, subtracted } of node.edges) {
      if (allowsOwnAbsence || !subtracted) continue;
      if (components.get(to) !== components.get(place)) continue;
      const message = `${place}: what is subtracted, ${to}, depends on ${place} itself`;
      const hint =
        "subtract a relation that does not lead back here, or accept the model with `allow_own_absence`";
      findings.push(findingAt(position, "recursion_through_exclusion", message, hint));
    }
    const leading = node.edges.find(({ to, subtracted }) => subtracted && reaches(nodes, to));
    if (leading !== undefined) {
      const message = `${place}: what is subtracted, ${leading.to}, leads to a delegation, so ending one could add access`;
      const hint = "subtract relations that no delegation's tuples decide";
      findings.push(findingAt(position, "contract_subtracts_delegation", message, hint));
    }
  }
  return findings;
}

/** Whether members of the place may be those of a relation of delegations. */
function reaches(nodes: ReadonlyMap<string, RelationNode>, start: string): boolean {
  const seen = new Set<string>();
  const open = [start];
  for (let place = open.pop(); place !== undefined; place = open.pop()) {
    const node = nodes.get(place);
    if (node === undefined || seen.has(place)) continue;
    if (node.type.name === delegationType) return true;
    seen.add(place);
    open.push(...node.edges.map(({ to }) => to));
  }
  return false;
}

interface RelationNode {
  readonly type: SourceType;
  readonly relation: SourceRelation;
  readonly edges: readonly Edge[];
}

/** That the members of one relation depend on those of another. */
interface Edge {
  readonly to: string;
  /** `computed` stays on the same object; `other` goes along a tuple. */
  readonly kind: "computed" | "other";
  readonly subtracted: boolean;
}

function nodesOf({ types }: SourceModel): ReadonlyMap<string, RelationNode> {
  const byName = new Map(types.map((type) => [type.name, type]));
  const nodes = new Map<string, RelationNode>();
  for (const type of types) {
    for (const relation of type.relations) {
      const edges = [...edgesOf(relation.rewrite, relation, type, byName, false)];
      nodes.set(placeOf(type, relation), { type, relation, edges });
    }
  }
  return nodes;
}

function* edgesOf(
  rewrite: SourceRewrite,
  relation: SourceRelation,
  type: SourceType,
  types: ReadonlyMap<string, SourceType>,
  subtracted: boolean,
): Generator<Edge> {
  switch (rewrite.kind) {
    case "this":
      for (const { type: of, relation: member } of relation.restrictions) {
        if (member !== undefined) yield { to: `${of}#${member}`, kind: "other", subtracted };
      }
      return;
    case "computed_userset":
      yield { to: `${type.name}#${rewrite.relation}`, kind: "computed", subtracted };
      return;
    case "tuple_to_userset":
      for (const parent of parentsOf(rewrite.tupleset, type, types)) {
        if (parent.relations.some(({ name }) => name === rewrite.relation)) {
          yield { to: `${parent.name}#${rewrite.relation}`, kind: "other", subtracted };
        }
      }
      return;
    case "union":
    case "intersection":
      for (const child of rewrite.of) yield* edgesOf(child, relation, type, types, subtracted);
      return;
    case "exclusion":
      yield* edgesOf(rewrite.base, relation, type, types, subtracted);
      yield* edgesOf(rewrite.subtract, relation, type, types, true);
  }
}

function parentsOf(
  tupleset: string,
  type: SourceType,
  types: ReadonlyMap<string, SourceType>,
): SourceType[] {
  const relation = type.relations.find(({ name }) => name === tupleset);
  const names = new Set(relation?.restrictions.map((restriction) => restriction.type));
  return [...names].flatMap((name) => types.get(name) ?? []);
}

/** Grows from the relations that hold objects until nothing is added. */
function findSatisfiable(nodes: ReadonlyMap<string, RelationNode>): ReadonlySet<string> {
  const found = new Set<string>();
  const dependents = new Map<string, string[]>();
  for (const [place, { edges }] of nodes) {
    for (const { to } of edges) {
      const list = dependents.get(to);
      if (list === undefined) dependents.set(to, [place]);
      else list.push(place);
    }
  }
  const types = new Map([...nodes.values()].map(({ type }) => [type.name, type]));
  const pending = [...nodes.keys()];
  for (let place = pending.pop(); place !== undefined; place = pending.pop()) {
    const node = nodes.get(place);
    if (node === undefined || found.has(place)) continue;
    if (!canHold(node.relation.rewrite, node, types, found)) continue;
    found.add(place);
    pending.push(...(dependents.get(place) ?? []));
  }
  return found;
}

function canHold(
  rewrite: SourceRewrite,
  { type, relation }: RelationNode,
  types: ReadonlyMap<string, SourceType>,
  found: ReadonlySet<string>,
): boolean {
  const holds = (child: SourceRewrite): boolean =>
    canHold(child, { type, relation, edges: [] }, types, found);
  switch (rewrite.kind) {
    case "this":
      return relation.restrictions.some(
        ({ type: of, relation: member }) => member === undefined || found.has(`${of}#${member}`),
      );
    case "computed_userset":
      return found.has(`${type.name}#${rewrite.relation}`);
    case "tuple_to_userset":
      return parentsOf(rewrite.tupleset, type, types).some(({ name }) =>
        found.has(`${name}#${rewrite.relation}`),
      );
    case "union":
      return rewrite.of.some(holds);
    case "intersection":
      return rewrite.of.every(holds);
    case "exclusion":
      return holds(rewrite.base);
  }
}

interface Visit {
  readonly place: string;
  readonly order: number;
  readonly edges: readonly Edge[];
  low: number;
  next: number;
}

/**
 * Numbers the strongly connected components: two places share a number if and only if each leads to
 * the other. Tarjan's algorithm, on a stack of its own: a chain of relations may be long.
 */
function findComponents(
  nodes: ReadonlyMap<string, RelationNode>,
  follows: (edge: Edge) => boolean,
): ReadonlyMap<string, number> {
  const components = new Map<string, number>();
  const visits = new Map<string, Visit>();
  const open: string[] = [];
  for (const place of nodes.keys()) if (!visits.has(place)) walk(place);
  return components;

  function enter(place: string): Visit {
    const edges = (nodes.get(place)?.edges ?? []).filter(follows);
    const visit = { place, order: visits.size, edges, low: visits.size, next: 0 };
    visits.set(place, visit);
    open.push(place);
    return visit;
  }

  function walk(start: string): void {
    const path = [enter(start)];
    for (let visit = path.at(-1); visit !== undefined; visit = path.at(-1)) {
      const edge = visit.edges[visit.next];
      visit.next += 1;
      if (edge !== undefined) {
        const seen = visits.get(edge.to);
        if (seen === undefined) path.push(enter(edge.to));
        else if (!components.has(edge.to)) visit.low = Math.min(visit.low, seen.order);
        continue;
      }
      path.pop();
      const above = path.at(-1);
      if (above !== undefined) above.low = Math.min(above.low, visit.low);
      if (visit.low === visit.order) close(visit);
    }
  }

  /** What was entered since the root of a component is the component. */
  function close(root: Visit): void {
    for (const place of open.splice(open.indexOf(root.place))) components.set(place, root.order);
  }
}
