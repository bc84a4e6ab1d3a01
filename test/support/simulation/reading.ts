import { parseName } from "../../../src/core/object.ts";
import type { PageKey } from "../../../src/core/page.ts";
import type { SubjectSymbol } from "../../../src/core/symbols.ts";
import { formatTuple } from "../../../src/core/tuple.ts";
import type { Graph } from "../../../src/engine/graph.ts";

const viewer = "viewer";

/**
 * What the graph says that a page holds, as the text of its tuples; `undefined` where it is not
 * held. All objects have one relation, so that an object's tuples are those of its forward page.
 */
export function readPage(graph: Graph, key: PageKey): readonly string[] | undefined {
  const { symbols } = graph;
  switch (key.kind) {
    case "object":
    case "forward": {
      const object = symbols.findObject(key.object.type, key.object.id);
      const relation = symbols.internName(nameOf(key));
      const page = object === -1 ? undefined : graph.forward(object, relation);
      if (page === undefined) return undefined;
      return Array.from({ length: page.count }, (_, position) =>
        formatTuple({
          object: key.object,
          relation: nameOf(key),
          subject: symbols.subjectOf(page.subjectAt(position)),
        }),
      );
    }
    case "point": {
      const object = symbols.findObject(key.object.type, key.object.id);
      const subject = findSubject(graph, key.subject);
      if (object === -1 || subject === -1) return undefined;
      const facts = graph.point(object, symbols.internName(key.relation), subject);
      if (facts === undefined) return undefined;
      return facts === "absent" ? [] : [formatTuple(key)];
    }
    case "reverse": {
      const subject = findSubject(graph, key.subject);
      if (subject === -1) return undefined;
      const type = symbols.internName(key.type);
      const page = graph.reverse(subject, type, symbols.internName(key.relation));
      if (page === undefined) return undefined;
      return Array.from({ length: page.count }, (_, position) => {
        const object = symbols.subjectOf(page.objectAt(position));
        if (object.kind !== "object") throw new Error("a reverse page has objects");
        return formatTuple({ object: object.object, relation: key.relation, subject: key.subject });
      });
    }
    case "pair":
      throw new Error("there are no delegations here");
  }
}

function nameOf(key: PageKey): Extract<PageKey, { kind: "forward" }>["relation"] {
  return key.kind === "forward" ? key.relation : parseName(viewer, "relation");
}

function findSubject(
  { symbols }: Graph,
  subject: Extract<PageKey, { kind: "point" }>["subject"],
): SubjectSymbol | -1 {
  if (subject.kind !== "object") throw new Error("all subjects here are objects");
  return symbols.findObject(subject.object.type, subject.object.id);
}
