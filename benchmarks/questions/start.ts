import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "../../src/client/client.ts";
import { Verdict } from "../../src/gen/prokura/v1/authorization_pb.ts";
import { fillTenant } from "../fill.ts";
import { shares } from "../load/job.ts";
import { organisationModel, organisationOf, readCall, type Organisation } from "../organisation.ts";
import type { Bench, Question, Topic } from "../question.ts";
import { launchNode, startNode } from "../servers/node-process.ts";

const tenant = "start";

/** From starting the process to its first answer. */
export const start: Topic = {
  name: "start",
  preparationSeconds: 12,
  questions: 2,
  async prepare(bench) {
    const organisation = organisationOf(bench.extent === "trial" ? 1_000 : 10_000);
    await fillTenant(bench.node.client, tenant, organisationModel, organisation.tuples());
    const dataDir = await mkdtemp(join(tmpdir(), "prokura-bench-start-"));
    bench.parts.defer(() => rm(dataDir, { recursive: true, force: true }));
    await chmod(dataDir, 0o755);
    // The first start makes the cluster; what is measured is a start with data.
    const own = { PROKURA_DATA_DIR: dataDir };
    {
      await using first = await startNode(bench.root, own);
      await fillTenant(first.client, tenant, organisationModel, organisation.tuples());
    }
    return [
      firstAnswer(
        bench,
        "start to first Check, its PostgreSQL running",
        bench.environment,
        organisation,
      ),
      firstAnswer(bench, "start to first Check, starting its own PostgreSQL", own, organisation),
    ];
  },
};

function firstAnswer(
  { root }: Bench,
  name: string,
  environment: Readonly<Record<string, string>>,
  organisation: Organisation,
): Question {
  return {
    name,
    async measure({ round }) {
      const startedMs = performance.now();
      const { child, grpcPort } = await launchNode(root, environment);
      try {
        using client = createClient({ address: `127.0.0.1:${grpcPort}`, deadlineMs: 30_000 });
        const call = { tenant, ...readCall(round, organisation.fileOf(round, 0)) };
        const { verdict } = await client.authorization.check(call);
        if (verdict !== Verdict.ALLOWED) throw new Error("the first answer denies");
        const tookUs = (performance.now() - startedMs) * 1000;
        return [{ name, unit: "start", latenciesUs: shares.map(() => tookUs) }];
      } finally {
        await child.stop();
      }
    },
  };
}
