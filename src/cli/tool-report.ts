import { formatObject } from "../core/object.ts";
import { formatTuple, type RelationTuple } from "../core/tuple.ts";
import { describeResult } from "./mutation.ts";
import { printLines, type Online } from "./online.ts";
import type { Paint } from "./paint.ts";
import { riskClasses, type RiskClass } from "./risk-class.ts";
import { drawTable } from "./table.ts";
import type { Registration } from "./tool-registration.ts";

/** What an import did, or would do. */
export interface ImportReport {
  readonly server: string;
  readonly registrations: readonly Registration[];
  /** The ladder of tiers and the server's own. */
  readonly aroundTools: readonly RelationTuple[];
  /** Absent: nothing was written. */
  readonly written: Parameters<typeof describeResult>[0];
  /** No agent is eligible for the server. */
  readonly unreachable: boolean;
}

/** A table of the tools with the class of each and why, then counts; one document with `--json`. */
export async function reportImport(report: ImportReport, online: Online): Promise<void> {
  if (online.json) {
    await online.terminal.output.write(`${JSON.stringify(documentOf(report))}\n`);
    return;
  }
  const { paint } = online;
  await printLines(online, [
    ...drawTable(
      ["TOOL", "CLASS", "WHY", ""],
      report.registrations.map((registration) => rowOf(registration, paint)),
    ),
    "",
    ...countLines(report),
    ...warnings(report, paint),
    ...describeResult(report.written, online),
    ...nextSteps(report),
  ]);
}

function rowOf(registration: Registration, paint: Paint): readonly string[] {
  const { tool, classification, tuples } = registration;
  const { class: risk, because } = classification;
  const mark = risk.startsWith("destructive") ? paint.bad : (text: string): string => text;
  const state = tuples.length === 0 ? "as it stands" : "";
  return [
    paint.name(formatObject(tool)),
    mark(risk),
    because.join(", "),
    keptText(registration, paint) || state,
  ];
}

/** Where what stands is not what the hints say, somebody should look. */
function keptText({ kept, tierText }: Registration, paint: Paint): string {
  const notes = [
    kept.requires === undefined ? undefined : "requires kept",
    kept.eligible === undefined
      ? undefined
      : kept.eligible.includes(tierText)
        ? "eligible kept"
        : paint.doubtful(`eligible kept at ${kept.eligible.join(", ")}`),
  ];
  return notes.filter((note) => note !== undefined).join(", ");
}

function countLines({ registrations, aroundTools, written }: ImportReport): readonly string[] {
  const counts = riskClasses
    .map((risk) => ({
      risk,
      count: registrations.filter(({ classification }) => classification.class === risk).length,
    }))
    .filter(({ count }) => count > 0);
  const tuples = registrations.flatMap((one) => one.tuples).length + aroundTools.length;
  const kept = registrations.filter((one) => Object.keys(one.kept).length > 0).length;
  const verb = written === undefined && tuples > 0 ? "would store" : "stored";
  return [
    `${registrations.length} tools: ${counts.map(({ risk, count }) => `${count} ${risk}`).join(", ")}`,
    `${verb} ${tuples} tuples${kept === 0 ? "" : `; ${kept} tools keep what they have`}`,
  ];
}

function warnings({ server, unreachable }: ImportReport, paint: Paint): readonly string[] {
  if (!unreachable) return [];
  return [
    paint.doubtful(
      `no agent is eligible for mcp_server:${server} yet: nothing of it can be called`,
    ),
  ];
}

/** Nobody can call them who is not eligible for the server, or in no tier of the tools that have come into one just now. */
function nextSteps({ server, registrations, unreachable }: ImportReport): readonly string[] {
  const tiers = riskClasses
    .map((risk) => ({ risk, count: registrations.filter((one) => isTiered(one, risk)).length }))
    .filter(({ count }) => count > 0);
  if (tiers.length === 0 && !unreachable) return [];
  return [
    "",
    "next: an agent must be eligible for the server, and a member of the tier of the tool:",
    ...(unreachable
      ? [`  prokura tuple write 'mcp_server:${server}#eligible@agent:*'  (or some agents alone)`]
      : []),
    ...tiers.map(
      ({ risk, count }) =>
        `  prokura tuple write tier:${risk}#member@agent:ID  (${count} ${count === 1 ? "tool" : "tools"})`,
    ),
  ];
}

function isTiered({ classification, tuples }: Registration, risk: RiskClass): boolean {
  return classification.class === risk && tuples.some(({ relation }) => relation === "eligible");
}

function documentOf({ registrations, aroundTools, written }: ImportReport): object {
  return {
    tools: registrations.map(({ tool, classification, tuples, kept }) => ({
      tool: formatObject(tool),
      class: classification.class,
      because: classification.because,
      tuples: tuples.map(formatTuple),
      kept,
    })),
    tuples: aroundTools.map(formatTuple),
    written: written !== undefined,
    token: written?.token ?? "",
  };
}
