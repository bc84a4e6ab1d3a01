import type { Explanation } from "../core/decision.ts";
import type { RelationTuple } from "../core/tuple.ts";
import { member, needs, notMember, type Membership } from "./membership.ts";

/** Collects how an evaluation went. One that is run without a trace pays nothing for it. */
export class Trace {
  readonly #nodesMax: number;
  readonly #path: Draft[] = [{ label: "", children: [], isKept: true, truncated: false }];
  #nodes = 0;

  constructor(nodesMax: number) {
    this.#nodesMax = nodesMax;
  }

  open(label: string): void {
    // Counted as they are opened, so that what is kept hangs together: the tree from its root.
    this.#nodes += 1;
    const isKept = this.#nodes <= this.#nodesMax;
    this.#path.push({ label, children: [], isKept, truncated: false });
  }

  close(value: Membership, detail?: string, tuple?: RelationTuple): void {
    const draft = this.#path.pop();
    const above = this.#path.at(-1);
    if (draft === undefined || above === undefined) throw new RangeError("nothing is open");
    if (!draft.isKept) {
      above.truncated = true;
      return;
    }
    above.children.push({
      label: draft.label,
      outcome: outcomeOf(value),
      ...(tuple === undefined ? {} : { tuple }),
      ...(detail === undefined ? {} : { detail }),
      children: draft.children,
      ...(draft.truncated ? { truncated: true } : {}),
    });
  }

  /** A node without children. */
  note(label: string, value: Membership, detail?: string, tuple?: RelationTuple): void {
    this.open(label);
    this.close(value, detail, tuple);
  }

  /** The tree under a root of its own. */
  finish(label: string, outcome: Explanation["outcome"], detail?: string): Explanation {
    const root = this.#path[0];
    return {
      label,
      outcome,
      ...(detail === undefined ? {} : { detail }),
      children: root?.children ?? [],
      ...(root?.truncated === true ? { truncated: true } : {}),
    };
  }
}

interface Draft {
  readonly label: string;
  readonly children: Explanation[];
  readonly isKept: boolean;
  truncated: boolean;
}

function outcomeOf(value: Membership): Explanation["outcome"] {
  switch (value) {
    case member:
      return "yes";
    case notMember:
      return "no";
    case needs:
      return "needs_context";
    default:
      return "unknown";
  }
}
