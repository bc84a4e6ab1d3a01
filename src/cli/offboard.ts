import { parseObjectText } from "../core/object.ts";
import type { Command } from "./command.ts";
import { parseText, repeated } from "./flag.ts";
import { describeResult, mutationFlags, optionsOf } from "./mutation.ts";
import { answer, onlineCommand } from "./online.ts";

const { reason, noBarrier } = mutationFlags;

/** `prokura offboard`: ends all that somebody has. */
export const offboard: Command = onlineCommand({
  words: "offboard",
  summary: "end all that a user or agent has, in one call",
  detail:
    "Suspends it, takes back every delegation on its behalf and to it, and deletes every tuple whose\n" +
    "subject it is. With --caller also what that caller may do, in every tenant, and the keys that it\n" +
    "made, with those made with them. The suspension stays. After an error call it again: it does what is left.",
  operands: { shown: "OBJECT", meaning: "a user or agent", min: 1, max: 1 },
  flags: {
    callers: repeated(
      { name: "caller", value: "ID", meaning: "as which it asked; for administrators of all" },
      parseText,
    ),
    reason,
    noBarrier,
  },
  examples: [
    'offboard user:alice --reason "left the company"',
    "offboard user:alice --caller 'jwt:https://login.example.com|alice' --timeout 5m",
  ],
  async run(values, online, [text = ""]) {
    const response = await online.client.delegation.offboard({
      tenant: online.tenant,
      principal: parseObjectText(text, "the operand"),
      callerIds: [...values.callers],
      options: optionsOf({ ...values, idempotencyKey: undefined }),
    });
    const { suspensionId, revokedCount, deletedCount, withdrawnCount, revokedKeyIds } = response;
    await answer(online, response, () => [
      `suspended ${text}: ${online.paint.name(suspensionId)}`,
      `delegations taken back: ${revokedCount}`,
      `tuples deleted beside them: ${deletedCount}`,
      `permissions taken from its callers: ${withdrawnCount}`,
      ...(revokedKeyIds.length === 0 ? [] : [`keys revoked: ${revokedKeyIds.join(", ")}`]),
      ...describeResult(response.result, online),
    ]);
    return "yes";
  },
});
