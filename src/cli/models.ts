import { severityName } from "../client/enum-name.ts";
import { timeFromProto } from "../client/time.ts";
import type { Command } from "./command.ts";
import { formatFinding } from "./failure.ts";
import { toggle } from "./flag.ts";
import { limitFlag, remarkCount } from "./limit.ts";
import { readModelFiles } from "./model-files.ts";
import { describeResult, mutationFlags, optionsOf } from "./mutation.ts";
import { answer, onlineCommand } from "./online.ts";
import { readPages } from "./pages.ts";
import { drawTable } from "./table.ts";
import { formatTime } from "./time-text.ts";

/** `prokura model write` */
export const writeModel: Command = onlineCommand({
  words: "model write",
  summary: "check and store an authorization model, and make it the active one",
  operands: {
    shown: "FILE...",
    meaning: "the model in the OpenFGA language, or an fga.mod, whose modules are read as well",
    min: 1,
    max: 100,
  },
  flags: {
    keepInactive: toggle("keep-inactive", "only store it"),
    allowOwnAbsence: toggle(
      "allow-own-absence",
      "accept relations that tuples may make depend on their own absence",
    ),
    ...mutationFlags,
  },
  examples: ["model write schema/models/stock.fga", "model write models/fga.mod --keep-inactive"],
  async run(values, online, paths) {
    const files = await readModelFiles(paths, online.terminal);
    const [only] = files;
    const response = await online.client.model.writeModel({
      tenant: online.tenant,
      source:
        only !== undefined && files.length === 1
          ? { case: "text", value: only.text }
          : { case: "modules", value: { modules: [...files] } },
      keepInactive: values.keepInactive,
      allowOwnAbsence: values.allowOwnAbsence,
      options: optionsOf(values),
    });
    const { modelId, findings, result } = response;
    await answer(online, response, () => [
      `stored model ${online.paint.name(modelId)}${values.keepInactive ? ", not active" : ", active"}`,
      ...findings.map((finding) =>
        formatFinding({
          ...finding,
          severity: severityName(finding.severity),
          file: finding.module || (paths.length === 1 ? (paths[0] ?? "") : ""),
        }),
      ),
      ...describeResult(result, online),
    ]);
    return "yes";
  },
});

/** `prokura model read` */
export const readModelCommand: Command = onlineCommand({
  words: "model read",
  summary: "print the text of the active model, or of another",
  operands: { shown: "ID", meaning: "of the model; without it the active one", min: 0, max: 1 },
  flags: {},
  examples: ["model read > model.fga", "model read 01jd…"],
  async run(_values, online, [modelId = ""]) {
    const response = await online.client.model.readModel({ tenant: online.tenant, modelId });
    const { model } = response;
    await answer(online, response, () => [
      ...textLines(model?.text ?? ""),
      ...(model?.modules ?? []).flatMap(({ name, text }) => [`# ${name}`, ...textLines(text)]),
    ]);
    return "yes";
  },
});

/** `prokura model list` */
export const listModels: Command = onlineCommand({
  words: "model list",
  summary: "all models, the latest first",
  flags: { limit: limitFlag },
  examples: ["model list"],
  async run(values, online) {
    const { last, elements, more } = await readPages(
      (page) => online.client.model.listModels({ tenant: online.tenant, ...page }),
      (response) => response.models,
      values.limit,
    );
    await answer(online, { ...last, models: [...elements] }, () =>
      drawTable(
        ["ID", "WRITTEN", "BY", ""],
        elements.map(({ id, createdAt, createdBy, active }) => [
          online.paint.name(id),
          createdAt === undefined ? "" : formatTime(timeFromProto(createdAt)),
          createdBy,
          active ? online.paint.good("active") : "",
        ]),
      ),
    );
    await remarkCount(online, elements.length, more, "model");
    return "yes";
  },
});

/** `prokura model activate` */
export const activateModel: Command = onlineCommand({
  words: "model activate",
  summary: "make a stored model the active one",
  operands: { shown: "ID", meaning: "of the model", min: 1, max: 1 },
  flags: mutationFlags,
  examples: ["model activate 01jd…"],
  async run(values, online, [modelId = ""]) {
    const response = await online.client.model.activateModel({
      tenant: online.tenant,
      modelId,
      options: optionsOf(values),
    });
    const { previousModelId, result } = response;
    await answer(online, response, () => [
      `model ${online.paint.name(modelId)} is active${previousModelId === "" ? "" : `, ${previousModelId} is not any more`}`,
      ...describeResult(result, online),
    ]);
    return "yes";
  },
});

function textLines(text: string): readonly string[] {
  return text === "" ? [] : text.trimEnd().split("\n");
}
