import { ApiError } from "../src/client/api-error.ts";
import type { Client } from "../src/client/client.ts";
import {
  contextToProto,
  objectFromProto,
  subjectFromProto,
  subjectToProto,
  tupleToProto,
} from "../src/client/tuple.ts";
import { formatObject } from "../src/core/object.ts";
import { formatSubject, parseSubjectText, type Subject } from "../src/core/subject.ts";
import type { RelationTuple } from "../src/core/tuple.ts";
import type { Question } from "./corpus.ts";

/** What the server said. Elements are texts, in the order of their bytes. */
export type Answer =
  | { readonly kind: "member"; readonly member: boolean }
  | {
      readonly kind: "elements";
      readonly elements: readonly string[];
      /** Subjects that a wildcard among the elements leaves out. */
      readonly excluded: readonly string[];
    }
  | { readonly kind: "error"; readonly code: string };

// Small, so that most lists take several pages.
const pageSize = 2;

/** One asker for one tenant. */
export interface Asker {
  ask(question: Question): Promise<Answer>;
}

export function createAsker(client: Client, tenant: string): Asker {
  return {
    ask: async (question) => {
      try {
        return await answerOf(client, tenant, question);
      } catch (error) {
        if (error instanceof ApiError) return { kind: "error", code: error.code };
        throw error;
      }
    },
  };
}

async function answerOf(client: Client, tenant: string, question: Question): Promise<Answer> {
  const parts = {
    tenant,
    relation: question.relation,
    context: contextToProto(question.context),
    contextualTuples: question.contextualTuples.map(tupleToProto),
  };
  switch (question.kind) {
    case "check": {
      const { object, subject } = question;
      const request = { ...parts, object, subject: subjectToProto(subject) };
      const { member } = await client.authorization.checkRelation(request);
      return { kind: "member", member };
    }
    case "list_objects": {
      const { type, subject } = question;
      const request = { ...parts, type, subject: subjectToProto(subject), pageSize };
      const elements: string[] = [];
      for (let pageToken = "", isFirst = true; isFirst || pageToken !== ""; isFirst = false) {
        const page = await client.authorization.listObjects({ ...request, pageToken });
        elements.push(...page.objects.map((one) => formatObject(objectFromProto(one.object))));
        pageToken = page.nextPageToken;
      }
      return { kind: "elements", elements: elements.toSorted(), excluded: [] };
    }
    case "list_subjects": {
      const { object, subjectType, subjectRelation = "" } = question;
      const request = { ...parts, object, subjectType, subjectRelation, pageSize };
      const elements: string[] = [];
      const excluded: string[] = [];
      for (let pageToken = "", isFirst = true; isFirst || pageToken !== ""; isFirst = false) {
        const page = await client.authorization.listSubjects({ ...request, pageToken });
        for (const one of page.subjects) {
          elements.push(formatSubject(subjectFromProto(one.subject)));
          excluded.push(...one.excluded.map((left) => formatObject(objectFromProto(left))));
        }
        pageToken = page.nextPageToken;
      }
      return { kind: "elements", elements: elements.toSorted(), excluded };
    }
  }
}

/**
 * Checks every element of a list, and everything of the type that any tuple names and the list does
 * not. Returns what the list and the checks do not agree on.
 */
export async function disagreements(
  asker: Asker,
  question: Exclude<Question, { readonly kind: "check" }>,
  listed: { readonly elements: readonly string[]; readonly excluded: readonly string[] },
  tuples: readonly RelationTuple[],
): Promise<readonly string[]> {
  const { relation, context, contextualTuples } = question;
  const parts = { kind: "check" as const, relation, context, contextualTuples };
  const elements = new Set([...listed.elements, ...named(question, tuples)]);
  const isEveryone =
    question.kind === "list_subjects" && listed.elements.includes(`${question.subjectType}:*`);
  const found: string[] = [];
  for (const element of elements) {
    const subject = parseSubjectText(element, "element");
    const expected =
      listed.elements.includes(element) || (isEveryone && !listed.excluded.includes(element));
    const answer = await asker.ask(
      question.kind === "list_objects"
        ? { ...parts, object: objectOf(subject), subject: question.subject }
        : { ...parts, object: question.object, subject },
    );
    if (answer.kind === "member" && answer.member === expected) continue;
    found.push(`${element}: ${expected ? "listed" : "not listed"}, ${JSON.stringify(answer)}`);
  }
  return found;
}

function named(
  question: Exclude<Question, { readonly kind: "check" }>,
  tuples: readonly RelationTuple[],
): readonly string[] {
  const subjects = [...tuples, ...question.contextualTuples].flatMap(({ object, subject }) => [
    { kind: "object" as const, object },
    ...(subject.kind === "wildcard" ? [] : [{ kind: "object" as const, object: subject.object }]),
    subject,
  ]);
  return subjects.filter((subject) => isAskedFor(question, subject)).map(formatSubject);
}

function isAskedFor(
  question: Exclude<Question, { readonly kind: "check" }>,
  subject: Subject,
): boolean {
  if (question.kind === "list_objects") {
    return subject.kind === "object" && subject.object.type === question.type;
  }
  const { subjectType, subjectRelation } = question;
  switch (subject.kind) {
    case "object":
      return subjectRelation === undefined && subject.object.type === subjectType;
    case "userset":
      return subject.relation === subjectRelation && subject.object.type === subjectType;
    case "wildcard":
      return false;
  }
}

function objectOf(subject: Subject) {
  if (subject.kind !== "object") throw new Error("a list of objects holds objects");
  return subject.object;
}
