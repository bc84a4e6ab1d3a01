import {
  ListObjectsRequestSchema,
  ListToolsRequestSchema,
} from "../../src/gen/prokura/v1/authorization_pb.ts";
import { parseTupleText, type RelationTuple } from "../../src/core/tuple.ts";
import { fillTenant } from "../fill.ts";
import { processTimeBetween, readProcessTime } from "../load/process-time.ts";
import { toolWorld, trustedAgent, type ToolWorld } from "../mcp-tools.ts";
import { encoded } from "../message.ts";
import { delegationLines, organisationModel, personId } from "../organisation.ts";
import { loadQuestion, nodeTarget, type Bench, type Question, type Topic } from "../question.ts";
import { worldModel } from "../world.ts";

const service = "/prokura.v1.AuthorizationService";
const tenant = "lists";
const pageSize = 1_000;
// A call takes milliseconds: more would only wait for each other.
const unhurried = { connections: 2, inFlight: 1 };

/** What an agent may call, and what a user may see: ten, a thousand, a hundred thousand. */
export const list: Topic = {
  name: "list",
  preparationSeconds: 12,
  questions: 4,
  async prepare(bench) {
    const { client } = bench.node;
    const most = bench.extent === "trial" ? 2_000 : 100_000;
    const counts = [10, 1_000, most];
    await fillTenant(client, tenant, worldModel, objectTuples(counts));
    const tools = toolWorld();
    if (!tools.isReal) bench.note("the MCP tools are made up: the corpus is not here");
    await fillTenant(client, "tools", organisationModel, toolTuples(tools));
    return [
      listTools(bench, tools),
      ...counts.slice(0, 2).map((count) => firstPage(bench, count)),
      allPages(bench, most),
    ];
  },
};

function listTools(bench: Bench, { tools }: ToolWorld): Question {
  return loadQuestion(bench, {
    name: `ListTools, all ${tools} of five MCP servers`,
    unit: "call",
    job: {
      ...nodeTarget(bench),
      ...unhurried,
      calls: [
        {
          path: `${service}/ListTools`,
          expected: { kind: "listed", count: tools },
          messages: [
            encoded(ListToolsRequestSchema, {
              tenant: "tools",
              principal: { type: "user", id: personId(1) },
              actors: [{ type: "agent", id: "operator" }],
              pageSize,
            }),
          ],
        },
      ],
    },
  });
}

function firstPage(bench: Bench, count: number): Question {
  return loadQuestion(bench, {
    name: `ListObjects, ${count.toLocaleString("en")}`,
    unit: "call",
    job: {
      ...nodeTarget(bench),
      ...unhurried,
      calls: [
        {
          path: `${service}/ListObjects`,
          expected: { kind: "listed", count },
          messages: [encoded(ListObjectsRequestSchema, requestOf(count, ""))],
        },
      ],
    },
  });
}

/** Page after page of one list, each asked for when the one before is there. */
function allPages(bench: Bench, count: number): Question {
  const name = `ListObjects, ${count.toLocaleString("en")} in pages of ${pageSize.toLocaleString("en")}`;
  return {
    name,
    async measure() {
      const { client, processId } = bench.node;
      const before = readProcessTime(processId);
      const startedMs = performance.now();
      let listed = 0;
      let pageToken = "";
      do {
        const page = await client.authorization.listObjects(requestOf(count, pageToken));
        listed += page.objects.length;
        pageToken = page.nextPageToken;
      } while (pageToken !== "");
      if (listed !== count) throw new Error(`${listed} of ${count} objects were listed`);
      const elapsedMs = performance.now() - startedMs;
      const serverCpuUs = processTimeBetween(before, readProcessTime(processId)) / count;
      return [{ name, unit: "object", serverCpuUs, perSecond: (count * 1000) / elapsedMs }];
    },
  };
}

function requestOf(count: number, pageToken: string) {
  return {
    tenant,
    type: "document",
    relation: "viewer",
    subject: { subject: { case: "object", value: { type: "user", id: `sees-${count}` } } },
    pageSize,
    pageToken,
  } as const;
}

function* objectTuples(counts: readonly number[]): Generator<RelationTuple> {
  for (const count of counts) {
    for (let at = 0; at < count; at += 1) {
      yield parseTupleText(`document:of-${count}-${at}#viewer@user:sees-${count}`, "tuple");
    }
  }
}

function toolTuples(tools: ToolWorld): readonly RelationTuple[] {
  const ofServer = (server: string): readonly RelationTuple[] =>
    delegationLines(`operator-${server}`, 1, "operator", "folder:anything")
      .map((line) => line.replace("mcp_server:filesystem", `mcp_server:${server}`))
      .map((line) => parseTupleText(line, "tuple"));
  return [...tools.tuples, trustedAgent("operator"), ...tools.servers.flatMap(ofServer)];
}
