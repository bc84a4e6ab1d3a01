import { parseName, type ObjectRef } from "../core/object.ts";
import type { PageKey } from "../core/page.ts";
import type { Revision } from "../core/revision.ts";
import { subjectOf } from "../core/subject.ts";
import { delegationObject, delegationTypeName } from "./delegation-view.ts";
import type { Storage } from "./storage.ts";

/** Parents whose children are read at a time. */
const parentsAtOnce = 250;

/**
 * Ids of what hangs on the delegations, however deep, without these themselves. `children` are those of
 * the roots, where they are known.
 */
export async function descendantsOf(
  storage: Storage,
  tenant: string,
  revision: Revision,
  roots: ReadonlySet<string>,
  children?: readonly string[],
): Promise<readonly string[]> {
  const found = new Set<string>(children?.filter((id) => !roots.has(id)));
  let open = children === undefined ? [...roots] : [...found];
  while (open.length > 0) {
    const keys = open
      .splice(0, parentsAtOnce)
      .map((id) => childrenKey(delegationObject(id, "delegation_id")));
    const pages = await storage.tuples.loadPages(tenant, revision, keys);
    const children = pages.flatMap(({ tuples }) => tuples.map(({ object }) => object.id as string));
    const added = children.filter((id) => !roots.has(id) && !found.has(id));
    for (const id of added) found.add(id);
    open = [...open, ...added];
  }
  return [...found].toSorted();
}

/** The page of those whose parent the delegation is. */
export function childrenKey(delegation: ObjectRef): PageKey {
  return {
    kind: "reverse",
    subject: subjectOf(delegation),
    type: delegationTypeName,
    relation: parseName("parent", "relation"),
  };
}
