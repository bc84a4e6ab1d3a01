import { parseArgs } from "node:util";
import { options, requestContext, startNode } from "../../test/support/service-node.ts";
import { elsewhere } from "./graph.ts";

// Another node that writes so many tuples a second, until its standard input ends.

const { values } = parseArgs({
  options: { database: { type: "string" }, "tuples-per-second": { type: "string" } },
});
const perSecond = Number(values["tuples-per-second"]);
const writesPerSecond = 10;

// The product leaves it to its sockets to keep the process alive, and here there are none.
const alive = setInterval(() => undefined, 1_000);
await using node = await startNode(values.database);
let turn = 0;
let isOver = false;
process.stdin.on("end", () => (isOver = true)).resume();
process.stdout.write("ready\n");
for (let nextMs = performance.now(); !isOver; nextMs += 1_000 / writesPerSecond) {
  const steps = Array.from({ length: Math.round(perSecond / writesPerSecond) }, () => ({
    kind: "touch" as const,
    tuple: elsewhere((turn += 1)),
  }));
  await node.services.tuples.write(requestContext(), { steps, preconditions: [] }, options);
  const pauseMs = nextMs + 1_000 / writesPerSecond - performance.now();
  if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
  else nextMs = performance.now();
}
process.stdout.write(`${turn}\n`);
clearInterval(alive);
