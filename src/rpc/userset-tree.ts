import type { MessageInitShape } from "@bufbuild/protobuf";
import { DomainError } from "../core/error.ts";
import type { Userset } from "../core/subject.ts";
import type {
  ComputedUsersetSchema,
  UsersetLeafSchema,
  UsersetTreeSchema,
} from "../gen/prokura/v1/authorization_pb.ts";
import type { RelationReader } from "../service/authorizer.ts";
import { contractLimits } from "./limits.ts";
import { tupleToProto, usersetToProto } from "./nouns.ts";

type Tree = Awaited<ReturnType<RelationReader["expand"]>>["tree"];
type Node = NonNullable<Tree["node"]>;
type Leaf = Extract<Node, { kind: "leaf" }>;
type TreeProto = MessageInitShape<typeof UsersetTreeSchema>;
type PlainUserset = Pick<Userset, "object" | "relation">;

/**
 * A tree that was not opened has no node. Fails with `limit_exceeded` where it is deeper than clients
 * can decode: it is complete or an error.
 */
export function usersetTreeToProto(tree: Tree, depth = 0): TreeProto {
  return tree.node === undefined
    ? { userset: usersetToProto(tree) }
    : nodeToProto(tree, tree.node, depth);
}

/** `depth` counts the messages around this one. */
function nodeToProto(userset: PlainUserset, node: Node, depth: number): TreeProto {
  if (depth > contractLimits.treeDepth) {
    throw new DomainError("limit_exceeded", "the tree is too deep to be sent", {
      field: "depth",
      hint: "ask for a smaller depth, and for the usersets below by themselves",
    });
  }
  const shown = { userset: usersetToProto(userset) };
  switch (node.kind) {
    case "leaf":
      return { ...shown, node: { case: "leaf", value: leafToProto(userset, node, depth) } };
    case "computed_userset":
      return {
        ...shown,
        node: { case: "computedUserset", value: computedToProto(node.of, depth) },
      };
    case "tuple_to_userset":
      return {
        ...shown,
        node: {
          case: "tupleToUserset",
          value: {
            tupleset: { ...shown.userset, relation: node.tupleset },
            usersets: node.of.map((tree) => computedToProto(tree, depth + 1)),
          },
        },
      };
    case "union":
    case "intersection":
      return {
        ...shown,
        node: {
          case: node.kind,
          value: { branches: node.of.map((branch) => nodeToProto(userset, branch, depth + 2)) },
        },
      };
    case "exclusion":
      return {
        ...shown,
        node: {
          case: "exclusion",
          value: {
            base: nodeToProto(userset, node.base, depth + 2),
            subtract: nodeToProto(userset, node.subtract, depth + 2),
          },
        },
      };
  }
}

function leafToProto(
  userset: PlainUserset,
  leaf: Leaf,
  depth: number,
): MessageInitShape<typeof UsersetLeafSchema> {
  const { object, relation } = userset;
  return {
    tuples: leaf.subjects.map(({ subject, condition, expiresAtMs }) =>
      tupleToProto({
        object,
        relation,
        subject,
        ...(condition === undefined ? {} : { condition }),
        ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
      }),
    ),
    opened: leaf.subjects.flatMap(({ userset: tree }) =>
      tree?.node === undefined ? [] : [usersetTreeToProto(tree, depth + 2)],
    ),
  };
}

function computedToProto(
  tree: Tree,
  depth: number,
): MessageInitShape<typeof ComputedUsersetSchema> {
  return {
    userset: usersetToProto(tree),
    ...(tree.node === undefined ? {} : { opened: usersetTreeToProto(tree, depth + 2) }),
  };
}
