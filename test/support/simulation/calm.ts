import { DomainError } from "../../../src/core/error.ts";
import type { Faults } from "../../../src/replica/faults.ts";
import type { ReplicaMachine } from "../../../src/replica/machine.ts";
import type { ReplicaParameters } from "../../../src/replica/parameters.ts";
import { SimulatedDatabase } from "./database.ts";
import { SimulatedNode } from "./node.ts";
import { Chance, Scheduler } from "./scheduler.ts";

/** One node on a database and a network where all goes well, in virtual time. */
export interface CalmNode {
  readonly scheduler: Scheduler;
  readonly database: SimulatedDatabase;
  readonly node: SimulatedNode;
  readonly machine: ReplicaMachine;
  readonly pass: (ms: number) => Promise<void>;
  /** What the promise gives, once enough time has passed. */
  readonly get: <Value>(promise: Value | Promise<Value>) => Promise<Value>;
  /** The code of the error with which the promise ends. */
  readonly refusal: (promise: unknown) => Promise<string | undefined>;
}

export async function startCalmNode(
  parameters: Partial<ReplicaParameters> = {},
  faults: Faults = {},
): Promise<CalmNode> {
  const scheduler = new Scheduler();
  const chance = new Chance(1);
  const database = new SimulatedDatabase(scheduler, chance, {});
  const node = new SimulatedNode(
    {
      name: "node",
      scheduler,
      chance,
      database,
      weather: {
        slow: 0,
        lost: 0,
        timeoutMs: 1000,
        slowMs: 0,
        hindered: { statement: "notify", direction: "replies", byMs: 0 },
      },
      parameters,
      faults,
      hints: { announced: () => {}, acknowledged: () => {} },
      onAcknowledge: () => {},
    },
    1,
  );
  const pass = (ms: number): Promise<void> => scheduler.run(scheduler.nowMs + ms, () => false);
  const get = async <Value>(promise: Value | Promise<Value>): Promise<Value> => {
    let isOver = false;
    const settled = Promise.resolve(promise).finally(() => {
      isOver = true;
    });
    settled.catch(() => {});
    await scheduler.run(scheduler.nowMs + 60_000, () => isOver);
    return settled;
  };
  await pass(100);
  return {
    scheduler,
    database,
    node,
    machine: node.machine,
    pass,
    get,
    async refusal(promise) {
      try {
        await get(promise);
        return undefined;
      } catch (error) {
        return error instanceof DomainError ? error.code : String(error);
      }
    },
  };
}
