import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Userset } from "../core/subject.ts";
import type {
  ComputedUsersetSchema,
  UsersetLeafSchema,
  UsersetTreeSchema,
} from "../gen/prokura/v1/authorization_pb.ts";
import type { RelationReader } from "../service/authorizer.ts";
import { tupleToProto, usersetToProto } from "./nouns.ts";

type Tree = Awaited<ReturnType<RelationReader["expand"]>>["tree"];
type Node = NonNullable<Tree["node"]>;
type Leaf = Extract<Node, { kind: "leaf" }>;
type TreeProto = MessageInitShape<typeof UsersetTreeSchema>;
type PlainUserset = Pick<Userset, "object" | "relation">;

/** As deep as the tree is, which the engine bounds. A tree that was not opened has no node. */
export function usersetTreeToProto(tree: Tree): TreeProto {
  return tree.node === undefined ? { userset: usersetToProto(tree) } : nodeToProto(tree, tree.node);
}

function nodeToProto(userset: PlainUserset, node: Node): TreeProto {
  const shown = { userset: usersetToProto(userset) };
  switch (node.kind) {
    case "leaf":
      return { ...shown, node: { case: "leaf", value: leafToProto(userset, node) } };
    case "computed_userset":
      return { ...shown, node: { case: "computedUserset", value: computedToProto(node.of) } };
    case "tuple_to_userset":
      return {
        ...shown,
        node: {
          case: "tupleToUserset",
          value: {
            tupleset: { ...shown.userset, relation: node.tupleset },
            usersets: node.of.map(computedToProto),
          },
        },
      };
    case "union":
    case "intersection":
      return {
        ...shown,
        node: {
          case: node.kind,
          value: { branches: node.of.map((branch) => nodeToProto(userset, branch)) },
        },
      };
    case "exclusion":
      return {
        ...shown,
        node: {
          case: "exclusion",
          value: {
            base: nodeToProto(userset, node.base),
            subtract: nodeToProto(userset, node.subtract),
          },
        },
      };
  }
}

function leafToProto(
  userset: PlainUserset,
  leaf: Leaf,
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
      tree?.node === undefined ? [] : [usersetTreeToProto(tree)],
    ),
  };
}

function computedToProto(tree: Tree): MessageInitShape<typeof ComputedUsersetSchema> {
  return {
    userset: usersetToProto(tree),
    ...(tree.node === undefined ? {} : { opened: usersetTreeToProto(tree) }),
  };
}
