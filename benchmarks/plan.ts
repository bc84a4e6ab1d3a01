import type { Bench, Topic } from "./question.ts";

/** How long to ask, and what. */
export interface Plan {
  readonly root: string;
  readonly extent: Bench["extent"];
  readonly rounds: number;
  readonly seconds: number;
  readonly warmUpSeconds: number;
  /** `topic`, or `topic:part of a question's name`; empty means all. */
  readonly only: string;
}

/** Topics that share a server with an empty database, and whose questions take turns. */
export type Group = readonly Topic[];

/** Without the groups of which nothing is meant. Refuses the name of a topic that is not there. */
export function chosenTopics(groups: readonly Group[], only: string): readonly Group[] {
  const [topicName] = only.split(":", 1);
  const chosen = groups
    .map((topics) => topics.filter(({ name }) => only === "" || name === topicName))
    .filter((topics) => topics.length > 0);
  if (chosen.length > 0) return chosen;
  const names = groups.flat().map(({ name }) => name);
  throw new RangeError(`--only must name one of ${names.join(", ")}`);
}

export function isQuestionMeant(name: string, only: string): boolean {
  const colon = only.indexOf(":");
  return colon < 0 || name.includes(only.slice(colon + 1));
}
