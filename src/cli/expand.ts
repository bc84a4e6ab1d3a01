import type { Client } from "../client/client.ts";
import { objectFromProto, tupleFromProto, tupleToProto } from "../client/tuple.ts";
import { DomainError } from "../core/error.ts";
import { formatObject, parseName, parseObjectText, quote } from "../core/object.ts";
import type { Command } from "./command.ts";
import { optional, parseCount } from "./flag.ts";
import { consistencyOf } from "./freshness.ts";
import { answer, onlineCommand } from "./online.ts";
import type { Paint } from "./paint.ts";
import { questionFlags } from "./question.ts";
import { drawTree, type Branch } from "./tree.ts";
import { formatCovered } from "./tuple-line.ts";

const { assuming, fresh, after, at } = questionFlags;

/** `prokura expand`: of what is a userset made? */
export const expand: Command = onlineCommand({
  words: "expand",
  summary: "how the subjects of a userset come about, drawn as a tree",
  operands: { shown: "OBJECT#RELATION", meaning: "as in document:plan#viewer", min: 1, max: 1 },
  flags: {
    depth: optional(
      { name: "depth", value: "N", meaning: "open usersets so deep, 1 to 64 (1 opens none)" },
      parseCount,
    ),
    assuming,
    fresh,
    after,
    at,
  },
  examples: ["expand document:plan#viewer", "expand group:eng#member --depth 5"],
  async run(values, online, [text = ""]) {
    const hash = text.indexOf("#");
    if (hash < 0) {
      throw new DomainError(
        "malformed",
        `a userset must read type:id#relation, got ${quote(text)}`,
      );
    }
    const response = await online.client.authorization.expand({
      tenant: online.tenant,
      consistency: consistencyOf(values),
      object: parseObjectText(text.slice(0, hash), "the object"),
      relation: parseName(text.slice(hash + 1), "the relation"),
      depth: values.depth ?? 3,
      contextualTuples: values.assuming.map(tupleToProto),
    });
    const { tree } = response;
    await answer(online, response, () =>
      tree === undefined ? [] : drawTree(treeBranch(tree, online.paint)),
    );
    return "yes";
  },
});

type UsersetTree = NonNullable<Awaited<ReturnType<Client["authorization"]["expand"]>>["tree"]>;
type Userset = UsersetTree["userset"];
type Node = Exclude<UsersetTree["node"], { case: undefined }>;
type Computed = Extract<Node, { case: "computedUserset" }>["value"];

/** The tree to be drawn: the userset, then what its rewrite is made of. */
function treeBranch(tree: UsersetTree, paint: Paint): Branch {
  const label = paint.name(formatUserset(tree.userset));
  return tree.node.case === undefined
    ? { label: `${label} ${paint.faint("…")}`, children: [] }
    : { label, children: partsOf(tree.node, paint) };
}

/** A part of a rewrite: the userset it belongs to stands above it already. */
function partBranch(tree: UsersetTree, paint: Paint): Branch {
  const { node } = tree;
  if (node.case === undefined) return { label: paint.faint("…"), children: [] };
  const parts = partsOf(node, paint);
  const [only] = parts;
  if (only !== undefined && parts.length === 1) return only;
  return { label: paint.faint("any of"), children: parts };
}

function partsOf(node: Node, paint: Paint): readonly Branch[] {
  switch (node.case) {
    case "leaf":
      return leafBranches(node.value, paint);
    case "computedUserset":
      return [computedBranch(node.value, paint)];
    case "tupleToUserset":
      return [
        {
          label: paint.faint(`from ${formatUserset(node.value.tupleset)}`),
          children: node.value.usersets.map((userset) => computedBranch(userset, paint)),
        },
      ];
    case "union":
      return [joined("any of", node.value.branches, paint)];
    case "intersection":
      return [joined("all of", node.value.branches, paint)];
    case "exclusion": {
      const { base, subtract } = node.value;
      const children = [base, subtract].filter((branch) => branch !== undefined);
      return [joined("the first but not the second", children, paint)];
    }
  }
}

function joined(label: string, branches: readonly UsersetTree[], paint: Paint): Branch {
  return {
    label: paint.faint(label),
    children: branches.map((branch) => partBranch(branch, paint)),
  };
}

function leafBranches(
  leaf: Extract<Node, { case: "leaf" }>["value"],
  paint: Paint,
): readonly Branch[] {
  if (leaf.tuples.length === 0) return [{ label: paint.faint("(no tuples)"), children: [] }];
  const opened = new Map(leaf.opened.map((tree) => [formatUserset(tree.userset), tree]));
  return leaf.tuples.map((proto) => {
    const { subject, ...terms } = tupleFromProto(proto);
    const label = formatCovered({ subject, ...terms });
    const tree = subject.kind === "userset" ? opened.get(formatCovered({ subject })) : undefined;
    return { label, children: tree === undefined ? [] : treeBranch(tree, paint).children };
  });
}

function computedBranch({ userset, opened }: Computed, paint: Paint): Branch {
  if (opened !== undefined) return treeBranch(opened, paint);
  return { label: `${paint.name(formatUserset(userset))} ${paint.faint("…")}`, children: [] };
}

function formatUserset(userset: Userset): string {
  if (userset === undefined) return "?";
  return `${formatObject(objectFromProto(userset.object))}#${userset.relation}`;
}
