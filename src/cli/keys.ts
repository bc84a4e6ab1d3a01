import { durationToProto, timeFromProto } from "../client/time.ts";
import type { Command } from "./command.ts";
import { optional, optionalText, parseOneOf, repeated } from "./flag.ts";
import { limitFlag, remarkCount } from "./limit.ts";
import { describeResult, mutationFlags, optionsOf } from "./mutation.ts";
import { answer, onlineCommand } from "./online.ts";
import { readPages } from "./pages.ts";
import { drawTable } from "./table.ts";
import { formatTime, parseDurationText } from "./time-text.ts";

const permissions = [
  "checker",
  "context_provider",
  "tool_lister",
  "delegator",
  "operator",
  "writer",
  "modeller",
  "auditor",
  "admin",
  "break_glass",
] as const;

const { reason, noBarrier } = mutationFlags;

/** `prokura key create` */
export const createKey: Command = onlineCommand({
  words: "key create",
  summary: "make an API key, by which a caller shows who it is",
  detail:
    "The key is printed once, and only its hash is kept. In the tenant `system` it is good for the whole\n" +
    "deployment. What else it may do are tuples there: `tuple write --tenant system\n" +
    "'mcp_server:default/mail#checker@caller:key:ID'`.",
  flags: {
    name: optionalText("name", "TEXT", "what it is for"),
    permissions: repeated(
      { name: "permission", value: "NAME", meaning: `of ${permissions.join(", ")}` },
      parseOneOf(permissions),
    ),
    lifetime: optional(
      { name: "for", value: "TIME", meaning: "how long it is good; without: until it is revoked" },
      parseDurationText,
    ),
    reason,
    noBarrier,
  },
  examples: [
    "key create --name 'mail gateway' --permission checker --for 90d",
    "key create --name olga --permission admin --tenant system",
  ],
  async run(values, online) {
    const { name = "", lifetime } = values;
    const response = await online.client.admin.createApiKey({
      tenant: online.tenant,
      name,
      permissions: [...values.permissions],
      ...(lifetime === undefined ? {} : { lifetime: durationToProto(lifetime) }),
      options: optionsOf({ ...values, idempotencyKey: undefined }),
    });
    await answer(online, response, () => [
      `key ${online.paint.name(response.key?.id ?? "")}, said here and never again:`,
      response.secret,
      ...describeResult(response.result, online),
    ]);
    return "yes";
  },
});

/** `prokura key revoke` */
export const revokeKey: Command = onlineCommand({
  words: "key revoke",
  summary: "end an API key, everywhere at once",
  operands: { shown: "ID", meaning: "as `key list` shows it", min: 1, max: 1 },
  flags: mutationFlags,
  examples: ["key revoke k00000000000000000000000000 --reason 'was in a log'"],
  async run(values, online, [keyId = ""]) {
    const response = await online.client.admin.revokeApiKey({
      tenant: online.tenant,
      keyId,
      options: optionsOf(values),
    });
    await answer(online, response, () => [
      `revoked key ${online.paint.name(keyId)}`,
      ...describeResult(response.result, online),
    ]);
    return "yes";
  },
});

/** `prokura key list` */
export const listKeys: Command = onlineCommand({
  words: "key list",
  summary: "the tenant's API keys, without their secrets",
  flags: { limit: limitFlag },
  examples: ["key list", "key list --tenant system"],
  async run(values, online) {
    const { tenant } = online;
    const { last, elements, more } = await readPages(
      (page) => online.client.admin.listApiKeys({ tenant, ...page }),
      (response) => response.keys,
      values.limit,
    );
    await answer(online, { ...last, keys: [...elements] }, () =>
      drawTable(
        ["ID", "NAME", "MADE WITH", "ENDS", "STATE"],
        elements.map(({ id, name, permissions: made, expiresAt, revoked }) => {
          const endsMs = expiresAt === undefined ? undefined : timeFromProto(expiresAt);
          const isOver = endsMs !== undefined && endsMs <= Date.now();
          return [
            online.paint.name(id),
            name,
            made.join(" "),
            endsMs === undefined ? "never" : formatTime(endsMs),
            revoked ? "revoked" : isOver ? "expired" : "good",
          ];
        }),
      ),
    );
    await remarkCount(online, elements.length, more, "key");
    return "yes";
  },
});
