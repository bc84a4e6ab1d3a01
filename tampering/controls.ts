import { setTimeout as sleep } from "node:timers/promises";
import { packRows } from "../src/audit/packing.ts";
import { linesOfPart, ExportReader } from "../src/audit/export-lines.ts";
import { verifyLog, type LogReport } from "../src/audit/verify-log.ts";
import type { SignedCheckpoint } from "../src/audit/checkpoint.ts";
import { logStorageOf } from "../src/service/database-log.ts";
import { readLog } from "../src/service/log-reader.ts";
import { Database } from "../src/store/database.ts";
import { truncateHistory } from "../src/store/retention.ts";
import { tenant, type LogCopy } from "./log-copy.ts";
import { ask, type RealLog } from "./real-log.ts";

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
  after("the history truncated", async (copy) => {
    const { connectionString } = copy;
    const database = new Database({ connectionString, log: () => undefined });
    await truncateHistory(database, tenant, Date.now());
    await database.close();
  }),
  running("a node goes on", async () => undefined),
  running("a node goes on and is killed", async (server) => {
    await sleep(300);
    await server.stop("SIGKILL");
  }),
  { name: "an export", verify: verifyExport },
];

function after(name: string, change: (copy: LogCopy) => Promise<void>): Control {
  return {
    name,
    verify: async (copy, { kept }) => {
      await change(copy);
      return copy.verify(kept);
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
