import { DomainError } from "../core/error.ts";
import { parseObjectText } from "../core/object.ts";
import type { Command } from "./command.ts";
import { optionalText, toggle } from "./flag.ts";
import { describeResult, mutationFlags, optionsOf } from "./mutation.ts";
import { answer, onlineCommand } from "./online.ts";

const target = {
  shown: "OBJECT",
  meaning: "a user, agent, tool, server, session, resource or delegation:ID",
  min: 1,
  max: 1,
} as const;

/** `prokura suspend`: stops everything that involves an object. */
export const suspend: Command = onlineCommand({
  words: "suspend",
  summary: "stop everything that involves an object, without deleting anything",
  operands: target,
  flags: mutationFlags,
  examples: ['suspend agent:mailbot --reason "sends spam"', "suspend delegation:01jd…"],
  async run(values, online, [text = ""]) {
    const response = await online.client.delegation.suspend({
      tenant: online.tenant,
      target: parseObjectText(text, "the target"),
      options: optionsOf(values),
    });
    await answer(online, response, () => [
      `suspended ${text}: ${online.paint.name(response.suspensionId)}`,
      ...describeResult(response.result, online),
    ]);
    return "yes";
  },
});

/** `prokura resume`: lifts suspensions. */
export const resume: Command = onlineCommand({
  words: "resume",
  summary: "lift one suspension of an object, or all of them",
  detail: "Ends with 1 where --all finds none.",
  operands: target,
  flags: {
    suspension: optionalText("suspension", "ID", "this one, as `suspend` named it"),
    all: toggle("all", "every one that stands"),
    ...mutationFlags,
  },
  examples: ["resume agent:mailbot --suspension 01jd…", "resume agent:mailbot --all"],
  async run(values, online, [text = ""]) {
    const { suspension, all } = values;
    if (all === (suspension !== undefined)) {
      throw new DomainError("malformed", "say which with --suspension ID, or --all");
    }
    const response = await online.client.delegation.resume({
      tenant: online.tenant,
      target: parseObjectText(text, "the target"),
      suspension:
        suspension === undefined
          ? { case: "all", value: true }
          : { case: "suspensionId", value: suspension },
      options: optionsOf(values),
    });
    const { resumedIds, remainingIds, result } = response;
    await answer(online, response, () => [
      resumedIds.length === 0 ? "nothing was suspended" : `lifted ${resumedIds.join(", ")}`,
      ...(remainingIds.length === 0
        ? []
        : [online.paint.doubtful(`${text} is still suspended by ${remainingIds.join(", ")}`)]),
      ...describeResult(result, online),
    ]);
    return resumedIds.length === 0 ? "no" : "yes";
  },
});
