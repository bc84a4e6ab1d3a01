import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { LoadJob, LoadResult } from "./job.ts";

/** The load generator in its own process. It ends when it is disposed of. */
export class GeneratorProcess implements Disposable {
  readonly #child: ChildProcess = fork(fileURLToPath(new URL("./generator.ts", import.meta.url)));

  /** One job at a time. Fails where an answer was wrong or none came. */
  async run(job: LoadJob): Promise<LoadResult> {
    this.#child.send(job);
    const [message] = await once(this.#child, "message");
    // What our own process sends is what its type says.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    const result = message as LoadResult;
    if (result.wrong > 0 || result.answers === 0) {
      throw new Error(`${job.path}: ${result.wrong} wrong answers, ${result.answers} answers`);
    }
    return result;
  }

  [Symbol.dispose](): void {
    this.#child.disconnect();
    this.#child.kill();
  }
}
