import type { Node } from "./node.ts";

/** What the processes count, the last that each one said, added up. */
export class Counted {
  readonly #byProcess = new Map<Node, ReadonlyMap<string, number>>();

  /** A process that does not answer is left as it was. */
  async read(node: Node): Promise<void> {
    try {
      const response = await fetch(`${node.httpUrl}/metrics`, { signal: AbortSignal.timeout(300) });
      this.#byProcess.set(node, numbersIn(await response.text()));
    } catch {
      // It is stopped, or gone.
    }
  }

  /** Of each process what is above `usual`. */
  sum(name: string, usual = 0): number {
    return [...this.#byProcess.values()].reduce(
      (sum, numbers) => sum + Math.max(0, (numbers.get(name) ?? 0) - usual),
      0,
    );
  }
}

function numbersIn(text: string): ReadonlyMap<string, number> {
  const lines = text.split("\n").filter((line) => line.startsWith("prokura_replica_"));
  return new Map(
    lines.map((line) => {
      const [name = "", value = ""] = line.split(" ");
      return [name.slice("prokura_replica_".length), Number(value)];
    }),
  );
}
