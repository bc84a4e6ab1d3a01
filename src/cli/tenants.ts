import { timeFromProto } from "../client/time.ts";
import type { Command } from "./command.ts";
import { limitFlag, remarkCount } from "./limit.ts";
import { describeResult, mutationFlags, optionsOf } from "./mutation.ts";
import { answer, onlineCommand } from "./online.ts";
import { readPages } from "./pages.ts";
import { drawTable } from "./table.ts";
import { formatTime } from "./time-text.ts";

/** `prokura tenant create` */
export const createTenant: Command = onlineCommand({
  words: "tenant create",
  summary: "make a tenant: a space of its own, empty, without a model",
  operands: { shown: "NAME", meaning: "small letters, digits, - and _", min: 1, max: 1 },
  flags: mutationFlags,
  examples: ["tenant create acme"],
  async run(values, online, [name = ""]) {
    const response = await online.client.admin.createTenant({
      tenant: name,
      options: optionsOf(values),
    });
    await answer(online, response, () => [
      `made tenant ${online.paint.name(response.created?.name ?? name)}`,
      ...describeResult(response.result, online),
    ]);
    return "yes";
  },
});

/** `prokura tenant list` */
export const listTenants: Command = onlineCommand({
  words: "tenant list",
  summary: "all tenants",
  flags: { limit: limitFlag },
  examples: ["tenant list"],
  async run(values, online) {
    const { last, elements, more } = await readPages(
      (page) => online.client.admin.listTenants(page),
      (response) => response.tenants,
      values.limit,
    );
    await answer(online, { ...last, tenants: [...elements] }, () =>
      drawTable(
        ["NAME", "MODEL", "CREATED"],
        elements.map(({ name, modelId, createdAt }) => [
          online.paint.name(name),
          modelId === "" ? "none" : modelId,
          createdAt === undefined ? "" : formatTime(timeFromProto(createdAt)),
        ]),
      ),
    );
    await remarkCount(online, elements.length, more, "tenant");
    return "yes";
  },
});
