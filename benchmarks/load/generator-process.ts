import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { LoadJob, LoadResult } from "./job.ts";

/** The load generator in its own process. It ends when it is disposed of. */
export class GeneratorProcess implements Disposable {
  readonly #child: ChildProcess = fork(fileURLToPath(new URL("./generator.ts", import.meta.url)), {
    // JSON has no NaN.
    serialization: "advanced",
  });

  /** One job at a time. Fails where an answer was wrong or none came. */
  async run(job: LoadJob): Promise<LoadResult> {
    this.#child.send(job);
    const ended = new AbortController();
    const [message] = await Promise.race([
      once(this.#child, "message", { signal: ended.signal }),
      once(this.#child, "exit", { signal: ended.signal }).then(() => {
        throw new Error("the load generator ended");
      }),
    ]).finally(() => ended.abort());
    // What our own process sends is what its type says.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    const result = message as LoadResult;
    if (result.wrong > 0 || result.answers === 0) {
      const what = job.calls.map(({ path }) => path).join(", ");
      const { wrong, answers, problem = "no answer came" } = result;
      throw new Error(`${what}: ${wrong} wrong of ${answers} answers: ${problem}`);
    }
    return result;
  }

  [Symbol.dispose](): void {
    if (this.#child.connected) this.#child.disconnect();
    this.#child.kill();
  }
}
