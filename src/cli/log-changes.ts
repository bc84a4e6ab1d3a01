import { timeFromProto } from "../client/time.ts";
import type { Command } from "./command.ts";
import { optionalObject, optionalText } from "./flag.ts";
import { limitFlag, remarkCount } from "./limit.ts";
import { periodFlags, periodOf } from "./log-flags.ts";
import { answer, onlineCommand } from "./online.ts";
import { readPages } from "./pages.ts";
import { formatTime } from "./time-text.ts";

/** `prokura log changes` */
export const listChanges: Command = onlineCommand({
  words: "log changes",
  summary: "who wrote, delegated, revoked or suspended what, and why",
  flags: {
    caller: optionalText("caller", "ID", "who wrote"),
    operation: optionalText("operation", "NAME", "as in delegate, revoke, suspend, write_tuples"),
    object: optionalObject("object", "a tuple on this was written or deleted, as delegation:ID"),
    ...periodFlags,
    limit: limitFlag,
  },
  examples: ["log changes --since 1h", "log changes --operation revoke --newest --limit 5"],
  async run(values, online) {
    const { last, elements, more } = await readPages(
      (page) =>
        online.client.audit.listChanges({
          tenant: online.tenant,
          ...periodOf(values),
          callerId: values.caller ?? "",
          operation: values.operation ?? "",
          object: values.object,
          ...page,
        }),
      (response) => response.changes,
      values.limit,
    );
    const { paint } = online;
    await answer(online, { ...last, changes: [...elements] }, () =>
      elements.flatMap((change) => {
        const { committedAt, revision, operation, callerId, reason } = change;
        const time = committedAt === undefined ? "" : formatTime(timeFromProto(committedAt));
        const isKept = change.created.length + change.deleted.length > 0;
        const counts = `  ${change.createdCount} created, ${change.deletedCount} deleted`;
        const why = reason === "" ? "" : `: ${reason}`;
        return [
          `${paint.faint(time)} ${revision} ${paint.strong(operation)} by ${callerId}${why}`,
          ...(change.modelId === "" ? [] : [`  model ${paint.name(change.modelId)} is active`]),
          ...(isKept
            ? [
                ...change.deleted.map((tuple) => `  ${paint.bad("-")} ${tuple}`),
                ...change.created.map((tuple) => `  ${paint.good("+")} ${tuple}`),
              ]
            : [counts]),
        ];
      }),
    );
    await remarkCount(online, elements.length, more, "change");
    return "yes";
  },
});
