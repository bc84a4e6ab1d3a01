import { setTimeout as wait } from "node:timers/promises";
import type { Agent, Outcome } from "./agent.ts";
import type { World } from "./world.ts";

/** What the last line counts. */
export interface Tally {
  steps: number;
  failed: number;
  readonly checksUs: number[];
  revokeToDenyUs: number | undefined;
}

/** What can be expected of the world, each a line and a step of the tally. */
export interface Steps {
  /** `path` is below the served folder; `why` is the reason of a denial, or the chain that allows. */
  call(
    agent: Agent,
    tool: string,
    path: string,
    verdict: Outcome["verdict"],
    why: string,
  ): Promise<Outcome>;
  tools(agent: Agent, expected: readonly string[]): Promise<void>;
  notified(agent: Agent, changed: Promise<void>): Promise<void>;
}

export function stepsOf(tally: Tally, { files }: World): Steps {
  return {
    async call(agent, tool, path, verdict, why) {
      const content = tool === "write_file" ? { content: "Written by scout.\n" } : {};
      const outcome = await agent.call(tool, { path: `${files}/${path}`, ...content });
      if (outcome.checkUs !== undefined) tally.checksUs.push(outcome.checkUs);
      const check =
        outcome.checkUs === undefined ? "not asked" : `check ${formatMs(outcome.checkUs)}`;
      record(
        outcome.verdict === verdict && outcome.why === why,
        `${agent.name}: ${tool} ${path}`,
        `${outcome.verdict}, ${outcome.why} (${formatMs(outcome.tookUs)}, ${check})`,
        `${verdict}, ${why}`,
      );
      return outcome;
    },
    async tools(agent, expected) {
      const startedMs = performance.now();
      const tools = await agent.tools();
      const tookUs = Math.round(1_000 * (performance.now() - startedMs));
      record(
        tools.join() === expected.join(),
        `${agent.name}: tools/list`,
        `${tools.join(", ")} (${formatMs(tookUs)})`,
        expected.join(", "),
      );
    },
    async notified(agent, changed) {
      const late = wait(10_000, "nothing", { ref: false });
      const heard = await Promise.race([changed.then(() => "tools/list_changed"), late]);
      record(heard !== "nothing", `${agent.name}: hears`, heard, "tools/list_changed");
    },
  };

  function record(right: boolean, what: string, came: string, expected: string): void {
    tally.steps += 1;
    if (!right) tally.failed += 1;
    const number = String(tally.steps).padStart(2);
    say(`${number} ${right ? "✔" : "✖"} ${what}\n      ${came}`);
    if (!right) say(`      expected: ${expected}`);
  }
}

function formatMs(us: number): string {
  return `${(us / 1_000).toFixed(1)} ms`;
}

export function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
