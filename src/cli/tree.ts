/** A node of a drawn tree. */
export interface Branch {
  /** One line. */
  readonly label: string;
  readonly children: readonly Branch[];
}

/** The tree as lines, the root first, with a rule from each node to those below it. */
export function drawTree(root: Branch): readonly string[] {
  const lines: string[] = [root.label];
  // A stack of its own: what the server sends decides how deep the tree is.
  const open: { readonly branch: Branch; readonly indent: string; readonly last: boolean }[] = [];
  const push = (children: readonly Branch[], indent: string): void => {
    for (const [index, branch] of [...children.entries()].toReversed()) {
      open.push({ branch, indent, last: index === children.length - 1 });
    }
  };
  push(root.children, "");
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { branch, indent, last } = next;
    lines.push(`${indent}${last ? "└─ " : "├─ "}${branch.label}`);
    push(branch.children, `${indent}${last ? "   " : "│  "}`);
  }
  return lines;
}
