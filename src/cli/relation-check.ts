import { explanationFromProto } from "../client/explanation.ts";
import { contextToProto, subjectToProto, tupleToProto } from "../client/tuple.ts";
import { formatTuple, parseTupleText } from "../core/tuple.ts";
import type { Command } from "./command.ts";
import { readContext } from "./context-text.ts";
import { explanationBranch } from "./explanation.ts";
import { toggle } from "./flag.ts";
import { consistencyOf } from "./freshness.ts";
import { answer, onlineCommand } from "./online.ts";
import { questionFlags } from "./question.ts";
import { drawTree } from "./tree.ts";

/** `prokura relation check`: does the subject have the relation to the object? */
export const relationCheck: Command = onlineCommand({
  words: "relation check",
  summary: "does the subject have the relation to the object? Says nothing of agents",
  detail: "Ends with 0 where it does and 1 where it does not.",
  operands: {
    shown: "OBJECT#RELATION@SUBJECT",
    meaning: "as in document:plan#viewer@user:alice",
    min: 1,
    max: 1,
  },
  flags: { ...questionFlags, explain: toggle("explain", "show how the answer came about") },
  examples: [
    "relation check document:plan#viewer@user:alice",
    "relation check document:plan#viewer@user:alice --context place=office --explain",
  ],
  async run(values, online, [text = ""]) {
    const { object, relation, subject } = parseTupleText(text, "the question");
    const context = await readContext(values.context, online.terminal);
    const response = await online.client.authorization.checkRelation({
      tenant: online.tenant,
      consistency: consistencyOf(values),
      object,
      relation,
      subject: subjectToProto(subject),
      context: contextToProto(context),
      contextualTuples: values.assuming.map(tupleToProto),
      explain: values.explain,
    });
    const { member, explanation } = response;
    await answer(online, response, () => [
      `${member ? online.paint.good("yes") : online.paint.bad("no")}  ${formatTuple({ object, relation, subject })}`,
      ...(explanation === undefined
        ? []
        : ["", ...drawTree(explanationBranch(explanationFromProto(explanation), online.paint))]),
    ]);
    return member ? "yes" : "no";
  },
});
