import { delegationType, permissionType, toolType } from "../core/delegation.ts";
import { quote } from "../core/object.ts";
import { findingAt, type Finding } from "./finding.ts";
import type { SourceModel, SourceRelation, SourceRewrite, SourceType } from "./source-model.ts";

/** Relations of a delegation that take plain objects. */
const plainRelations = ["principal", "delegator", "delegate", "parent", "suspended"] as const;
/** Relations of a delegation that are read as they are stored, wildcards and usersets included. */
const coverageRelations = ["delegable_to", "session", "tool", "resource"] as const;

/**
 * The names and shapes that the engine relies on, where the model has delegations. A relation that
 * identifies or takes away is never conditional: else an absent parameter could lift a suspension.
 */
export function checkContract({ types }: SourceModel): Finding[] {
  const byName = new Map(types.map((type) => [type.name, type]));
  const delegation = byName.get(delegationType);
  if (delegation === undefined) return [];
  const contract: Contract = { types: byName, findings: [] };
  for (const name of plainRelations) expectPlain(contract, delegation, name);
  for (const name of coverageRelations) expectStored(contract, delegation, name);
  checkParent(contract, delegation);
  checkSuspended(contract, delegation);
  checkTool(contract, delegation);
  return contract.findings;
}

interface Contract {
  readonly types: ReadonlyMap<string, SourceType>;
  readonly findings: Finding[];
}

function checkParent(contract: Contract, type: SourceType): void {
  const parent = relationOf(type, "parent");
  if (parent?.restrictions.some((restriction) => restriction.type !== delegationType)) {
    refuse(
      contract,
      type,
      parent,
      `takes a ${delegationType} alone`,
      `define parent: [${delegationType}]`,
    );
  }
}

function checkSuspended(contract: Contract, type: SourceType): void {
  const tool = contract.types.get(toolType);
  const holders = [
    ...["principal", "delegator", "delegate", "session"].map((name) => relationOf(type, name)),
    ...(tool === undefined ? [] : [relationOf(tool, "server")]),
  ];
  const names = holders.flatMap((relation) => relation?.restrictions ?? []);
  for (const name of new Set(names.map((restriction) => restriction.type))) {
    const holder = contract.types.get(name);
    if (holder !== undefined && name !== delegationType) expectPlain(contract, holder, "suspended");
  }
}

function checkTool(contract: Contract, { position }: SourceType): void {
  const tool = contract.types.get(toolType);
  if (tool === undefined) {
    const message = `a model with ${quote(delegationType)} needs the type ${quote(toolType)}`;
    const hint = "define it with the relations server, requires and suspended";
    contract.findings.push(findingAt(position, "contract_relation_missing", message, hint));
    return;
  }
  expectPlain(contract, tool, "server");
  expectPlain(contract, tool, "suspended");
  checkRequires(contract, tool, expectRelation(contract, tool, "requires"));
  const servers = relationOf(tool, "server")?.restrictions ?? [];
  for (const name of new Set(servers.map((restriction) => restriction.type))) {
    const server = contract.types.get(name);
    const requires = server === undefined ? undefined : relationOf(server, "requires");
    if (server !== undefined) checkRequires(contract, server, requires);
  }
}

/** What a tool requires is a set of permissions, whoever asks and whatever the context. */
function checkRequires(
  contract: Contract,
  type: SourceType,
  requires: SourceRelation | undefined,
): void {
  if (requires === undefined) return;
  const fits =
    requires.restrictions.every(
      ({ type: of, form, condition }) =>
        of === permissionType && form === "object" && condition === undefined,
    ) && isRequirement(requires.rewrite);
  if (fits) return;
  const message = `${type.name}#requires takes objects of type ${quote(permissionType)} alone`;
  const hint = `write \`define requires: [${permissionType}]\`, with \`or requires from server\` if you like`;
  contract.findings.push(findingAt(requires.position, "contract_requires", message, hint));
}

function expectPlain(contract: Contract, type: SourceType, name: string): void {
  const relation = expectRelation(contract, type, name);
  if (relation === undefined) return;
  const isPlain =
    relation.rewrite.kind === "this" &&
    relation.restrictions.every(
      ({ form, condition }) => form === "object" && condition === undefined,
    );
  if (isPlain) return;
  const hint = "name types alone: no `*`, `#`, `with` or operators";
  refuse(contract, type, relation, "takes plain objects", hint);
}

function expectStored(contract: Contract, type: SourceType, name: string): void {
  const relation = expectRelation(contract, type, name);
  if (relation === undefined || relation.rewrite.kind === "this") return;
  refuse(
    contract,
    type,
    relation,
    "is read as it is stored",
    "name types alone, without operators",
  );
}

function expectRelation(
  contract: Contract,
  type: SourceType,
  name: string,
): SourceRelation | undefined {
  const relation = relationOf(type, name);
  if (relation === undefined) {
    const message = `the type ${quote(type.name)} needs the relation ${quote(name)}`;
    const hint = name === "suspended" ? "add `define suspended: [suspension]`" : "define it";
    contract.findings.push(findingAt(type.position, "contract_relation_missing", message, hint));
  }
  return relation;
}

function refuse(
  contract: Contract,
  type: SourceType,
  relation: SourceRelation,
  what: string,
  hint: string,
): void {
  const message = `${type.name}#${relation.name} ${what}`;
  contract.findings.push(findingAt(relation.position, "contract_relation_shape", message, hint));
}

/** No operator that takes away: a requirement never hangs on the absence of another. */
function isRequirement(rewrite: SourceRewrite): boolean {
  if (rewrite.kind === "this") return true;
  if (rewrite.kind === "union") return rewrite.of.every(isRequirement);
  return (
    rewrite.kind === "tuple_to_userset" &&
    rewrite.tupleset === "server" &&
    rewrite.relation === "requires"
  );
}

function relationOf(type: SourceType, name: string): SourceRelation | undefined {
  return type.relations.find((relation) => relation.name === name);
}
