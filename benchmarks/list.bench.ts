import { createHistogram, monitorEventLoopDelay, type RecordableHistogram } from "node:perf_hooks";
import { parseArgs } from "node:util";
import { parseName, parseObjectText } from "../src/core/object.ts";
import { parseSubjectText } from "../src/core/subject.ts";
import { parseTupleText } from "../src/core/tuple.ts";
import { defaultLimits } from "../src/engine/limits.ts";
import { ObjectListing } from "../src/engine/list-objects.ts";
import { SubjectListing } from "../src/engine/list-subjects.ts";
import type { View } from "../src/engine/view.ts";
import type { Paged } from "../src/service/request.ts";
import {
  options,
  requestContext,
  startNode,
  type ServiceNode,
} from "../test/support/service-node.ts";

// For how long do lists of many objects, or subjects, hold up the event loop, and how much memory do
// they take, read in pages of one revision while writes go on? `slice` is the time of the slices
// themselves, `turn` that of whole turns of the event loop, loading of pages included: both by the wall
// clock, so on a machine that does nothing else. Of a second, only whether it runs can be told.

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "3" },
    objects: { type: "string" },
    simple: { type: "boolean", default: false },
  },
});
const count = Number(values.objects ?? (Number(values.seconds) <= 1 ? 2_000 : 100_000));
const model = `model
  schema 1.1
type user
type doc
  relations
    define blocked: [user]
    define reader: [user]
    define viewer: reader but not blocked
`;
// Without an exclusion the search itself knows who is a member.
const relation = parseName(values.simple ? "reader" : "viewer", "relation");
const pageSize = 1_000;
const common = { context: {}, contextualTuples: [], consistency: { kind: "default" as const } };

// The product leaves it to its sockets to keep the process alive, and here there are none.
const alive = setInterval(() => undefined, 1_000);
await using node = await startNode();
await prepare(node);
const { relations } = node.services;
const subject = parseSubjectText("user:alice", "subject");
await measure("objects", ObjectListing.prototype, (pageToken) =>
  relations.listObjects(requestContext(), {
    ...common,
    type: parseName("doc", "type"),
    relation,
    subject,
    page: { pageSize, pageToken },
    reportConditional: false,
  }),
);
await measure("subjects", SubjectListing.prototype, (pageToken) =>
  relations.listSubjects(requestContext(), {
    ...common,
    object: parseObjectText("doc:all", "object"),
    relation,
    subjectType: parseName("user", "type"),
    page: { pageSize, pageToken },
    reportConditional: false,
  }),
);
clearInterval(alive);

interface Sliced<Made> {
  slice: (view: View, limit: number) => Made;
}

async function measure(
  what: string,
  listing: Sliced<unknown>,
  read: (pageToken: string) => Promise<Paged<unknown>>,
): Promise<void> {
  globalThis.gc?.();
  const slices = createHistogram();
  using _ = timed(listing, slices);
  const turns = monitorEventLoopDelay({ resolution: 1 });
  const heapBefore = process.memoryUsage().heapUsed;
  let heapMax = heapBefore;
  let listed = 0;
  let pages = 0;
  const startedMs = performance.now();
  turns.enable();
  for (let pageToken: string | undefined = ""; pageToken !== undefined;) {
    const page: Paged<unknown> = await read(pageToken);
    listed += page.items.length;
    pages += 1;
    pageToken = page.nextPageToken;
    heapMax = Math.max(heapMax, process.memoryUsage().heapUsed);
    if (pages <= 5) await write(node, [`doc:z${pages}#reader@user:alice`]);
  }
  turns.disable();
  const seconds = (performance.now() - startedMs) / 1_000;
  console.log(
    JSON.stringify({
      list: what,
      listed,
      pages,
      seconds: round(seconds),
      slices: slices.count,
      sliceStepsMax: defaultLimits.sliceStepsMax,
      sliceMs: milliseconds(slices),
      turnMs: milliseconds(turns),
      heapGrowthMiB: round((heapMax - heapBefore) / 2 ** 20),
    }),
  );
}

/** Times every slice, until it is disposed of. */
function timed<Made>(listing: Sliced<Made>, histogram: RecordableHistogram): Disposable {
  const { slice } = listing;
  listing.slice = function timedSlice(this: Sliced<Made>, view, limit): Made {
    const startedMs = performance.now();
    const made = slice.call(this, view, limit);
    histogram.record(Math.max(1, Math.round((performance.now() - startedMs) * 1e6)));
    return made;
  };
  return {
    [Symbol.dispose]: () => {
      listing.slice = slice;
    },
  };
}

async function prepare(on: ServiceNode): Promise<void> {
  const sources = [{ name: "model.fga", text: model }];
  await on.services.models.write(requestContext(), { sources, activate: true }, options);
  for (let from = 0; from < count; from += 500) {
    const ids = Array.from({ length: Math.min(500, count - from) }, (_, at) =>
      String(from + at).padStart(7, "0"),
    );
    await write(
      on,
      ids.flatMap((id) => [`doc:${id}#reader@user:alice`, `doc:all#reader@user:${id}`]),
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

function milliseconds(histogram: { percentile(at: number): number; readonly max: number }): object {
  const at = (percentile: number): number => round(histogram.percentile(percentile) / 1e6);
  return { p50: at(50), p99: at(99), max: round(histogram.max / 1e6) };
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
