import type { Client } from "../client/client.ts";
import { tupleChangeKindName } from "../client/enum-name.ts";
import { timeFromProto } from "../client/time.ts";
import { tupleFromProto } from "../client/tuple.ts";
import { parseName, parseObjectText } from "../core/object.ts";
import type { Command } from "./command.ts";
import { optionalObject, optionalText, repeated } from "./flag.ts";
import { onlineCommand, printJsonLine, printLines, remark, type Online } from "./online.ts";
import { formatTime } from "./time-text.ts";
import { formatTupleLine } from "./tuple-line.ts";

/** `prokura watch` */
export const watch: Command = onlineCommand({
  words: "watch",
  summary: "print changes as they come",
  detail:
    "Prints every change after a token, or from now on, until it is ended. With --json one event a line,\n" +
    "the signs of life among them. A change that matches any of the flags is printed; without any, all are.",
  flags: {
    since: optionalText("since", "TOKEN", "changes after this revision; without it from now on"),
    types: repeated(
      { name: "type", value: "TYPE", meaning: "tuples on objects of this type" },
      parseName,
    ),
    objects: repeated(
      { name: "object", value: "TYPE:ID", meaning: "tuples on this object" },
      parseObjectText,
    ),
    principal: optionalObject("principal", "delegations on behalf of this principal"),
    delegation: optionalText("delegation", "ID", "tuples of this delegation"),
  },
  examples: ["watch", "watch --principal user:alice", "watch --type document --json"],
  async run(values, online) {
    let token = values.since ?? "";
    try {
      const events = online.client.tuple.watch({
        tenant: online.tenant,
        token,
        objectTypes: [...values.types],
        objects: [...values.objects],
        principal: values.principal,
        delegationId: values.delegation ?? "",
      });
      for await (const message of events) {
        const { event } = message;
        await (online.json
          ? printJsonLine(online, message)
          : printLines(online, describe(event, online)));
        if (event.case === "resyncRequired") return "no";
        if (event.value !== undefined && event.value.token !== "") ({ token } = event.value);
      }
    } catch (cause) {
      if (token !== "") await remark(online, `go on with --since ${token}`);
      throw cause;
    }
    return "yes";
  },
});

type Event =
  ReturnType<Client["tuple"]["watch"]> extends AsyncIterable<
    infer Response extends { event: unknown }
  >
    ? Response["event"]
    : never;
type Changes = Extract<Event, { case: "changes" }>["value"];

function describe(event: Event, online: Online): readonly string[] {
  switch (event.case) {
    case "changes":
      return describeChanges(event.value, online);
    case "resyncRequired":
      return [online.paint.bad("the changes after this token are not kept any more: export first")];
    case "heartbeat":
    case undefined:
      return [];
  }
}

function describeChanges(changes: Changes, { paint }: Online): readonly string[] {
  const { committedAt, operation, callerId, reason, modelId, tuples } = changes;
  const time = committedAt === undefined ? "" : formatTime(timeFromProto(committedAt));
  const why = reason === "" ? "" : `: ${reason}`;
  return [
    `${paint.faint(time)} ${paint.strong(operation)} by ${callerId}${why}`,
    ...(modelId === "" ? [] : [`  model ${paint.name(modelId)} is active`]),
    ...tuples.flatMap(({ kind, tuple }) => {
      if (tuple === undefined) return [];
      const text = formatTupleLine(tupleFromProto(tuple));
      return tupleChangeKindName(kind) === "deleted"
        ? [paint.bad(`  - ${text}`)]
        : [paint.good(`  + ${text}`)];
    }),
  ];
}
