import { setTimeout as sleep } from "node:timers/promises";
import { packRows } from "../src/audit/packing.ts";
import { linesOfPart, ExportReader } from "../src/audit/export-lines.ts";
import { verifyLog, type LogReport } from "../src/audit/verify-log.ts";
import type { SignedCheckpoint } from "../src/audit/checkpoint.ts";
import { logStorageOf } from "../src/service/database-log.ts";
import { readLog } from "../src/service/log-reader.ts";
import { Database } from "../src/store/database.ts";
import { forgetHistory, removeOld } from "./ageing.ts";
import { tenant, type LogCopy } from "./log-copy.ts";
import { ask, change, keep, type RealLog } from "./real-log.ts";

/** Something that happens to an honest log. */
export interface Control {
  readonly name: string;
  readonly verify: (copy: LogCopy, log: RealLog) => Promise<LogReport>;
}

export const controls: readonly Control[] = [
  { name: "nothing at all", verify: (copy, { kept }) => copy.verify(kept) },
  { name: "checkpoints kept earlier", verify: (copy, { keptEarlier }) => copy.verify(keptEarlier) },
  { name: "both kept", verify: (copy, log) => copy.verify([...log.keptEarlier, ...log.kept]) },
  { name: "nothing kept", verify: (copy) => copy.verify([]) },
  {
    name: "one chain's checkpoint kept",
    verify: (copy, { kept }) => copy.verify(kept.slice(0, 1)),
  },
  after("tables rewritten", async (copy) => {
    await copy.run("vacuum full log_segment");
    await copy.run("cluster revision using revision_pkey");
  }),
  after("segments compressed better", async (copy) => {
    for (const { chain, firstSeq, rows } of await copy.segments("one")) {
      await copy.run(
        "update log_segment set rows = $3 where chain = $1 and first_seq = $2 and tenant_id = 'default'",
        chain,
        firstSeq,
        packRows(rows.join("\n")),
      );
    }
  }),
  after("another tenant made", async (copy) => {
    await copy.run("insert into tenant (id, created_at_ms) values ('other', 0)");
  }),
  after("the history truncated", (copy, log) => forgetHistory(copy, log)),
  after("old rows and changes removed", (copy, log) => removeOld(copy, log)),
  after("everything old removed, and removed again", async (copy, log) => {
    await forgetHistory(copy, log);
    await removeOld(copy, log, Date.now() + 1);
    await removeOld(copy, log, Date.now() + 1);
  }),
  running("a node goes on", async () => undefined),
  running("a node goes on and is killed", async (server) => {
    await sleep(300);
    await server.stop("SIGKILL");
  }),
  {
    name: "a node with a name that never comes back is killed",
    verify: async (copy, { kept, startNode }) => {
      await using server = await startNode(copy.connectionString, "three");
      await ask(server, 3);
      await server.stop("SIGKILL");
      const report = await copy.verify(kept);
      const told = report.gaps.some(({ chain, toMs }) => chain === "three" && toMs === undefined);
      if (!told) throw new Error("nothing tells that chain `three` has no end");
      return report;
    },
  },
  {
    name: "a node is stopped while it is asked",
    verify: async (copy, { kept, startNode }) => {
      await using server = await startNode(copy.connectionString, "one");
      const asking = [ask(server, 100), ask(server, 100)].map((asked) =>
        asked.catch(() => undefined),
      );
      await sleep(300);
      await server.stop("SIGTERM");
      await Promise.all(asking);
      return copy.verify(kept);
    },
  },
  {
    name: "a node with another key, and only what was kept after it",
    verify: async (copy, { startNode }) => {
      await using server = await startNode(copy.connectionString, "one", "another");
      await ask(server, 3);
      await change(server);
      await server.stop("SIGTERM");
      return copy.verify(await keep(copy.connectionString));
    },
  },
  { name: "an export", verify: verifyExport },
];

function after(name: string, change: (copy: LogCopy, log: RealLog) => Promise<void>): Control {
  return {
    name,
    verify: async (copy, log) => {
      await change(copy, log);
      return copy.verify(log.kept);
    },
  };
}

function running(
  name: string,
  then: (server: Awaited<ReturnType<RealLog["startNode"]>>) => Promise<void>,
): Control {
  return {
    name,
    verify: async (copy, { kept, startNode }) => {
      const server = await startNode(copy.connectionString, "one");
      await ask(server, 3);
      await then(server);
      await server[Symbol.asyncDispose]();
      return copy.verify(kept);
    },
  };
}

async function verifyExport(copy: LogCopy, { kept }: RealLog): Promise<LogReport> {
  return verifyLog(tenant, await exported(copy, kept), { checkpoints: kept, keys: [] });
}

async function exported(copy: LogCopy, _kept: readonly SignedCheckpoint[]) {
  const { connectionString } = copy;
  const database = new Database({ connectionString, log: () => undefined });
  const reader = new ExportReader();
  const parts = [];
  const signal = new AbortController().signal;
  for await (const part of readLog(logStorageOf(database), tenant, signal)) {
    for (const line of linesOfPart(part)) {
      const read = reader.partOfLine(line);
      if (read !== undefined) parts.push(read);
    }
  }
  await database.close();
  return parts;
}
