import { createHistogram, monitorEventLoopDelay } from "node:perf_hooks";
import { parseArgs } from "node:util";
import { parseName } from "../src/core/object.ts";
import { parseSubjectText } from "../src/core/subject.ts";
import { parseTupleText } from "../src/core/tuple.ts";
import {
  options,
  requestContext,
  startNode,
  type ServiceNode,
} from "../test/support/service-node.ts";

// For how long does a list of many objects hold up the event loop, and how much memory does it take,
// read in pages of one revision while writes go on? Of a second, only whether it runs can be told.

const { values } = parseArgs({
  options: { seconds: { type: "string", default: "3" }, objects: { type: "string" } },
});
const objects = Number(values.objects ?? (Number(values.seconds) <= 1 ? 2_000 : 100_000));
const model = `model
  schema 1.1
type user
type doc
  relations
    define blocked: [user]
    define viewer: [user] but not blocked
`;

// The product leaves it to its sockets to keep the process alive, and here there are none.
const alive = setInterval(() => undefined, 1_000);
await using node = await startNode();
await prepare(node);
globalThis.gc?.();
const delay = monitorEventLoopDelay({ resolution: 1 });
const ticks = watchTicks();
const heapBefore = process.memoryUsage().heapUsed;
let heapMax = heapBefore;
let listed = 0;
let pages = 0;
let pageToken: string | undefined = "";
const startedMs = performance.now();
delay.enable();
while (pageToken !== undefined) {
  const page = await node.services.relations.listObjects(requestContext(), {
    type: parseName("doc", "type"),
    relation: parseName("viewer", "relation"),
    subject: parseSubjectText("user:alice", "subject"),
    context: {},
    contextualTuples: [],
    consistency: { kind: "default" },
    page: { pageSize: 1_000, pageToken },
    reportConditional: false,
  });
  listed += page.items.length;
  pages += 1;
  pageToken = page.nextPageToken;
  heapMax = Math.max(heapMax, process.memoryUsage().heapUsed);
  if (pages <= 5) await write(node, [`doc:z${pages}#viewer@user:alice`]);
}
delay.disable();
const mebibyte = 2 ** 20;
console.log(
  JSON.stringify({
    objects: listed,
    pages,
    seconds: round((performance.now() - startedMs) / 1_000),
    tickCpuMsMax: ticks.maxMs(),
    ticksOver5Ms: ticks.over5Ms(),
    loopDelayMs: { p99: round(delay.percentile(99) / 1e6), max: round(delay.max / 1e6) },
    heapGrowthMiB: round((heapMax - heapBefore) / mebibyte),
  }),
);
ticks.stop();
clearInterval(alive);

async function prepare(on: ServiceNode): Promise<void> {
  const sources = [{ name: "model.fga", text: model }];
  await on.services.models.write(requestContext(), { sources, activate: true }, options);
  for (let from = 0; from < objects; from += 1_000) {
    const ids = Array.from({ length: Math.min(1_000, objects - from) }, (_, at) =>
      String(from + at).padStart(7, "0"),
    );
    await write(
      on,
      ids.map((id) => `doc:${id}#viewer@user:alice`),
    );
  }
}

async function write(on: ServiceNode, texts: readonly string[]): Promise<void> {
  const steps = texts.map((text) => ({
    kind: "touch" as const,
    tuple: parseTupleText(text, "tuple"),
  }));
  await on.services.tuples.write(requestContext(), { steps, preconditions: [] }, options);
}

/** Processor time of this thread in each turn of its loop: others on the machine do not count. */
function watchTicks() {
  const spentUs = createHistogram();
  let isOn = true;
  let over5Ms = 0;
  let last = process.threadCpuUsage();
  const look = (): void => {
    const { user, system } = process.threadCpuUsage(last);
    last = process.threadCpuUsage();
    spentUs.record(Math.max(1, user + system));
    if (user + system > 5_000) over5Ms += 1;
    if (isOn) setImmediate(look);
  };
  setImmediate(look);
  return {
    maxMs: () => round(spentUs.max / 1_000),
    over5Ms: () => over5Ms,
    stop(): void {
      isOn = false;
    },
  };
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
