import { tupleFromProto, tupleToProto } from "../client/tuple.ts";
import { DomainError } from "../core/error.ts";
import { quote } from "../core/object.ts";
import type { RelationTuple } from "../core/tuple.ts";
import type { Command } from "./command.ts";
import { optional, parseCount, parseText, repeated, toggle } from "./flag.ts";
import { consistencyOf, freshnessFlags } from "./freshness.ts";
import { limitFlag, remarkCount } from "./limit.ts";
import { describeResult, mutationFlags, optionsOf } from "./mutation.ts";
import { answer, onlineCommand } from "./online.ts";
import { readPages } from "./pages.ts";
import type { Terminal } from "./terminal.ts";
import { filterFlags, filterOf } from "./tuple-filter.ts";
import { readTupleFile } from "./tuple-file.ts";
import { formatTupleLine, parseTupleLine } from "./tuple-line.ts";

const operationsMax = 1000;

const tuplesOperand = {
  shown: "TUPLE...",
  meaning: "as in 'document:plan#viewer@user:alice for 1h'; quoted, where it has blanks",
  min: 0,
  max: operationsMax,
} as const;

/** `prokura tuple write` */
export const writeTuples: Command = onlineCommand({
  words: "tuple write",
  summary: "store tuples, all or none of them",
  detail:
    "`if CONDITION {…}` and `until TIME` or `for TIME` may follow a tuple. A tuple that is there\n" +
    "already takes the new condition and end. For more than 1,000 use `tuple import`.",
  operands: tuplesOperand,
  flags: {
    files: repeated(
      { name: "file", value: "FILE", meaning: "tuples, one a line; - is the standard input" },
      parseText,
    ),
    create: toggle("create", "fail where one is there already"),
    deletions: repeated(
      { name: "delete", value: "TUPLE", meaning: "delete this one with the same write" },
      (text, field) => parseTupleLine(text, field, Date.now()),
    ),
    ...mutationFlags,
  },
  examples: [
    "tuple write document:plan#viewer@user:alice group:eng#member@user:bob",
    'tuple write \'document:plan#viewer@user:eve if on_site {"place":"office"} for 8h\'',
    "tuple write --file tuples.txt",
    "tuple write document:plan#owner@user:bob --delete document:plan#owner@user:alice",
  ],
  async run(values, online, texts) {
    const stored = await readTuples(texts, values.files, online.terminal);
    const operations = [
      ...stored.map(tupleToProto).map((value) => ({
        operation: { case: values.create ? ("create" as const) : ("touch" as const), value },
      })),
      ...values.deletions.map(tupleToProto).map((value) => ({
        operation: { case: "delete" as const, value },
      })),
    ];
    refuseCount(operations.length);
    const response = await online.client.tuple.writeTuples({
      tenant: online.tenant,
      operations,
      options: optionsOf(values),
    });
    const { createdCount, deletedCount, result } = response;
    await answer(online, response, () => [
      `stored ${createdCount}, deleted ${deletedCount}`,
      ...describeResult(result, online),
    ]);
    return "yes";
  },
});

/** `prokura tuple read` */
export const readTuplesCommand: Command = onlineCommand({
  words: "tuple read",
  summary: "the stored tuples that match, in the form that `tuple write` takes",
  flags: { ...filterFlags, limit: limitFlag, ...freshnessFlags },
  examples: [
    "tuple read --object document:plan",
    "tuple read --subject group:eng#member --relation viewer",
    "tuple read --object delegation:01jd…",
  ],
  async run(values, online) {
    const { last, elements, more } = await readPages(
      (page) =>
        online.client.tuple.readTuples({
          tenant: online.tenant,
          consistency: consistencyOf(values),
          filter: filterOf(values),
          ...page,
        }),
      (response) => response.tuples,
      values.limit,
    );
    await answer(online, { ...last, tuples: [...elements] }, () =>
      elements.map((tuple) => formatTupleLine(tupleFromProto(tuple))),
    );
    await remarkCount(online, elements.length, more, "tuple");
    return "yes";
  },
});

/** `prokura tuple delete` */
export const deleteTuples: Command = onlineCommand({
  words: "tuple delete",
  summary: "delete tuples, named or by what they match",
  detail: "Ends with 1 where none was there.",
  operands: tuplesOperand,
  flags: {
    ...filterFlags,
    limit: optional(
      { name: "limit", value: "N", meaning: "most to delete at a time, up to 2000" },
      parseCount,
    ),
    dryRun: toggle("dry-run", "only count those that match"),
    ...mutationFlags,
  },
  examples: [
    "tuple delete document:plan#viewer@user:alice",
    "tuple delete --subject user:eve --dry-run",
    "tuple delete --object document:plan --relation viewer",
  ],
  async run(values, online, texts) {
    const filter = filterOf(values);
    if ((filter === undefined) === (texts.length === 0)) {
      throw new DomainError(
        "malformed",
        "say what to delete: either tuples, or a filter such as --object or --subject",
      );
    }
    const options = optionsOf(values);
    const { client, tenant } = online;
    if (filter === undefined) {
      if (values.dryRun) {
        throw new DomainError(
          "malformed",
          "--dry-run goes with a filter, as --object or --subject",
        );
      }
      const tuples = await readTuples(texts, [], online.terminal);
      const operations = tuples
        .map(tupleToProto)
        .map((value) => ({ operation: { case: "delete" as const, value } }));
      const response = await client.tuple.writeTuples({ tenant, operations, options });
      await answer(online, response, () => [
        `deleted ${response.deletedCount}`,
        ...describeResult(response.result, online),
      ]);
      return response.deletedCount === 0 ? "no" : "yes";
    }
    const limit = values.limit ?? 0;
    const request = { tenant, filter, limit, dryRun: values.dryRun, options };
    const response = await client.tuple.deleteTuples(request);
    const { deletedCount, more, result } = response;
    await answer(online, response, () => [
      `${values.dryRun ? "would delete" : "deleted"} ${deletedCount}`,
      ...(more ? [online.paint.doubtful("more match: call it again")] : []),
      ...(values.dryRun ? [] : describeResult(result, online)),
    ]);
    return deletedCount === 0n ? "no" : "yes";
  },
});

async function readTuples(
  texts: readonly string[],
  files: readonly string[],
  terminal: Terminal,
): Promise<readonly RelationTuple[]> {
  const now = Date.now();
  const tuples = texts.map((text) => parseTupleLine(text, quote(text), now));
  for (const file of files) {
    for await (const { tuple } of readTupleFile(file, terminal, now)) {
      tuples.push(tuple);
      if (tuples.length > operationsMax) refuseCount(tuples.length);
    }
  }
  return tuples;
}

function refuseCount(count: number): void {
  if (count === 0) {
    throw new DomainError("malformed", "there is nothing to write: give tuples, or --file");
  }
  if (count > operationsMax) {
    throw new DomainError(
      "malformed",
      `more than ${operationsMax} at once: \`prokura tuple import FILE\` takes any number`,
    );
  }
}
