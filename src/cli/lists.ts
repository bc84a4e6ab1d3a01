import {
  contextToProto,
  objectFromProto,
  subjectFromProto,
  subjectToProto,
  tupleToProto,
} from "../client/tuple.ts";
import { formatObject, parseName, parseObjectText } from "../core/object.ts";
import { formatSubject } from "../core/subject.ts";
import type { Command } from "./command.ts";
import { readContext } from "./context-text.ts";
import { optionalName, required, toggle } from "./flag.ts";
import { consistencyOf } from "./freshness.ts";
import { limitFlag, remarkCount } from "./limit.ts";
import { answer, onlineCommand } from "./online.ts";
import { readPages } from "./pages.ts";
import { questionFlags } from "./question.ts";
import { parseSubjectText } from "../core/subject.ts";

const conditional = toggle("conditional", "list also what hangs on parameters that are missing");
const relation = required(
  { name: "relation", value: "NAME", meaning: "the relation that is asked for" },
  parseName,
);

/** `prokura objects list` */
export const listObjects: Command = onlineCommand({
  words: "objects list",
  summary: "the objects of a type to which a subject has a relation",
  detail: "Ends with 1 where there are none.",
  flags: {
    type: required({ name: "type", value: "TYPE", meaning: "of the objects" }, parseName),
    relation,
    subject: required(
      { name: "subject", value: "SUBJECT", meaning: "who has the relation" },
      parseSubjectText,
    ),
    conditional,
    limit: limitFlag,
    ...questionFlags,
  },
  examples: ["objects list --type document --relation viewer --subject user:alice"],
  async run(values, online) {
    const context = contextToProto(await readContext(values.context, online.terminal));
    const { last, elements, more } = await readPages(
      (page) =>
        online.client.authorization.listObjects({
          tenant: online.tenant,
          consistency: consistencyOf(values),
          type: values.type,
          relation: values.relation,
          subject: subjectToProto(values.subject),
          context,
          contextualTuples: values.assuming.map(tupleToProto),
          reportConditional: values.conditional,
          ...page,
        }),
      (response) => response.objects,
      values.limit,
    );
    await answer(online, { ...last, objects: [...elements] }, () =>
      elements.map(
        (element) =>
          formatObject(objectFromProto(element.object)) +
          online.paint.doubtful(needsText(element.missingContext)),
      ),
    );
    await remarkCount(online, elements.length, more, "object");
    return elements.length === 0 ? "no" : "yes";
  },
});

/** `prokura subjects list` */
export const listSubjects: Command = onlineCommand({
  words: "subjects list",
  summary: "the subjects of a type that have a relation to an object",
  detail: "Ends with 1 where there are none.",
  flags: {
    object: required(
      { name: "object", value: "TYPE:ID", meaning: "to which they have the relation" },
      parseObjectText,
    ),
    relation,
    type: required({ name: "type", value: "TYPE", meaning: "of the subjects" }, parseName),
    userset: optionalName("userset", "NAME", "list usersets of this relation instead of objects"),
    conditional,
    limit: limitFlag,
    ...questionFlags,
  },
  examples: ["subjects list --object document:plan --relation viewer --type user"],
  async run(values, online) {
    const context = contextToProto(await readContext(values.context, online.terminal));
    const { last, elements, more } = await readPages(
      (page) =>
        online.client.authorization.listSubjects({
          tenant: online.tenant,
          consistency: consistencyOf(values),
          object: values.object,
          relation: values.relation,
          subjectType: values.type,
          subjectRelation: values.userset ?? "",
          context,
          contextualTuples: values.assuming.map(tupleToProto),
          reportConditional: values.conditional,
          ...page,
        }),
      (response) => response.subjects,
      values.limit,
    );
    await answer(online, { ...last, subjects: [...elements] }, () =>
      elements.map(
        (element) =>
          formatSubject(subjectFromProto(element.subject)) +
          exceptText(element.excluded.map((object) => formatObject(objectFromProto(object)))) +
          online.paint.doubtful(needsText(element.missingContext)),
      ),
    );
    await remarkCount(online, elements.length, more, "subject");
    return elements.length === 0 ? "no" : "yes";
  },
});

function needsText(names: readonly string[]): string {
  return names.length === 0 ? "" : `  (if ${names.join(", ")} would allow it)`;
}

function exceptText(objects: readonly string[]): string {
  return objects.length === 0 ? "" : `  except ${objects.join(", ")}`;
}
