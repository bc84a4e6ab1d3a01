import { tupleFromProto } from "../client/tuple.ts";
import { toolType } from "../core/delegation.ts";
import { formatObject } from "../core/object.ts";
import { formatSubject } from "../core/subject.ts";
import type { RelationTuple } from "../core/tuple.ts";
import type { Outcome } from "./command.ts";
import type { consistencyOf } from "./freshness.ts";
import { remarkCount } from "./limit.ts";
import { printLines, type Online } from "./online.ts";
import { pageSizeMax } from "./pages.ts";
import { riskClasses, type RiskClass } from "./risk-class.ts";
import { drawTable } from "./table.ts";

/** What stands on a tool. A list is as it is stored: a tool that is in order has one server. */
interface RegisteredTool {
  readonly name: string;
  readonly server: readonly string[];
  /** Of the tiers that are eligible, in the order of the classes. */
  readonly class: readonly RiskClass[];
  readonly requires: readonly string[];
  readonly eligible: readonly string[];
  readonly suspended: boolean;
}

/** Every tool on which something stands, at most `limit` of them. Ends with `no` where there is none. */
export async function listRegistered(
  consistency: ReturnType<typeof consistencyOf>,
  limit: number,
  online: Online,
): Promise<Outcome> {
  const { known, token } = await readTools(consistency, limit, online);
  const tools = known.slice(0, limit);
  const more = known.length > limit;
  if (online.json) {
    await online.terminal.output.write(`${JSON.stringify({ tools, more, token })}\n`);
  } else {
    const rows = tools.map((tool) => rowOf(tool, online));
    await printLines(online, drawTable(head, rows));
  }
  await remarkCount(online, tools.length, more, "tool");
  return tools.length === 0 ? "no" : "yes";
}

/** Reads on until there is one tool too many, of which some tuples may be missing; never of another. */
async function readTools(
  consistency: ReturnType<typeof consistencyOf>,
  limit: number,
  { client, tenant }: Online,
): Promise<{ readonly known: readonly RegisteredTool[]; readonly token: string }> {
  const byTool = new Map<string, RelationTuple[]>();
  for (let pageToken = ""; ;) {
    const page = await client.tuple.readTuples({
      tenant,
      consistency,
      filter: { objectType: toolType },
      pageSize: pageSizeMax,
      pageToken,
    });
    for (const tuple of page.tuples.map(tupleFromProto)) {
      const name = formatObject(tuple.object);
      const own = byTool.get(name) ?? [];
      own.push(tuple);
      byTool.set(name, own);
    }
    pageToken = page.nextPageToken;
    if (pageToken === "" || byTool.size > limit) {
      return { known: [...byTool].map(([name, own]) => toolOf(name, own)), token: page.token };
    }
  }
}

const head = ["TOOL", "SERVER", "CLASS", "REQUIRES", "ELIGIBLE", ""];

function rowOf(tool: RegisteredTool, { paint }: Online): readonly string[] {
  return [
    paint.name(tool.name),
    tool.server.join(", "),
    tool.class.join(", "),
    tool.requires.join(", "),
    tool.eligible.join(", "),
    tool.suspended ? paint.bad("suspended") : "",
  ];
}

function toolOf(name: string, tuples: readonly RelationTuple[]): RegisteredTool {
  const subjectsOf = (relation: string): readonly string[] =>
    tuples
      .filter((tuple) => tuple.relation === relation)
      .map(({ subject }) => formatSubject(subject));
  const eligible = subjectsOf("eligible");
  return {
    name,
    server: subjectsOf("server"),
    class: riskClasses.filter((risk) => eligible.includes(`tier:${risk}#member`)),
    requires: subjectsOf("requires"),
    eligible,
    suspended: subjectsOf("suspended").length > 0,
  };
}
