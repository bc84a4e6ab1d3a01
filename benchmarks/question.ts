import type { Latencies, LoadCall, LoadJob } from "./load/job.ts";
import type { GeneratorProcess } from "./load/generator-process.ts";
import type { NodeProcess } from "./servers/node-process.ts";

/** Questions that are prepared together, one file each. */
export interface Topic {
  readonly name: string;
  /** What it takes to prepare it, and how many questions there are, about: for the time told in advance. */
  readonly preparationSeconds: number;
  readonly questions: number;
  prepare(bench: Bench): Promise<readonly Question[]>;
}

/** What the questions of one run have in common. */
export interface Bench {
  /** Of the checkout that is measured. */
  readonly root: string;
  readonly node: NodeProcess;
  /** How to start another node on the same database. */
  readonly environment: Readonly<Record<string, string>>;
  /** Counts what is stored, for the planner of PostgreSQL. Done once before the questions in any case. */
  analyze(): Promise<void>;
  readonly generator: GeneratorProcess;
  /** `trial` only tries out whether everything runs, on small graphs. */
  readonly extent: "trial" | "quick" | "full";
  readonly rounds: number;
  /** Whether servers that say nothing, and peers, are asked as well. */
  readonly withOthers: boolean;
  /** What is started for the questions ends with this. */
  readonly parts: AsyncDisposableStack;
  /** Says what whoever waits should know. */
  note(text: string): void;
}

/** What is measured round after round. */
export interface Question {
  readonly name: string;
  /** In place of the run's own. */
  readonly seconds?: number;
  measure(span: Span): Promise<readonly Measured[]>;
}

export interface Span {
  /** From 0. */
  readonly round: number;
  readonly seconds: number;
  readonly warmUpSeconds: number;
}

/** One row of one round. Whatever does not apply is absent. */
export interface Measured {
  readonly name: string;
  /** What the figures are for one of: a check, a tuple. */
  readonly unit: string;
  readonly serverCpuUs?: number;
  readonly clientCpuUs?: number;
  readonly perSecond?: number;
  readonly bytes?: number;
  /** In microseconds, at each of `shares`; of a whole message, where that holds many. */
  readonly latenciesUs?: readonly number[];
  /** Tuples of the graph, where cost is told against it. */
  readonly tuples?: number;
}

/** A question that is a job of the load generator. */
export interface LoadQuestion {
  readonly name: string;
  readonly unit?: string;
  /** Units in one message. */
  readonly units?: number;
  readonly tuples?: number;
  readonly seconds?: number;
  /** How many messages further each round begins, where none may be sent twice. */
  readonly messagesOfRound?: number;
  readonly job: LoadTarget & Partial<LoadJob> & { readonly calls: readonly LoadCall[] };
}

export interface LoadTarget {
  readonly port: number;
  readonly serverProcessId: number;
  readonly token?: string;
}

export function nodeTarget({ node }: Bench): LoadTarget {
  return { port: node.grpcPort, serverProcessId: node.processId, token: node.token };
}

const requestsSecondsMax = 60;

/** Messages that a job of so many requests needs: those of a round more are sent first, to make the code warm. */
export function messagesNeeded({ rounds }: Bench, requests: number): number {
  return requests * (rounds + 1);
}

/** Four connections with 32 requests under way on each, unless the job says otherwise. */
export function loadQuestion(bench: Bench, asked: LoadQuestion): Question {
  const { name, unit = "check", units = 1, tuples, seconds } = asked;
  const { requests } = asked.job;
  const messagesOfRound = asked.messagesOfRound ?? requests ?? 0;
  return {
    name,
    ...(seconds === undefined ? {} : { seconds }),
    async measure(span) {
      const job = {
        kind: "unary",
        order: [0],
        connections: 4,
        inFlight: 32,
        firstMessage: span.round * messagesOfRound,
        seconds: requests === undefined ? span.seconds : requestsSecondsMax,
        warmUpSeconds: span.warmUpSeconds,
        ...asked.job,
      } as const;
      if (requests !== undefined && span.round === 0) {
        await bench.generator.run({ ...job, firstMessage: bench.rounds * messagesOfRound });
      }
      const result = await bench.generator.run(job);
      const latenciesUs = result.latencies[0]?.us;
      return [
        {
          name,
          unit,
          serverCpuUs: result.serverCpuUs / units,
          clientCpuUs: result.clientCpuUs / units,
          perSecond: result.answersPerSecond * units,
          ...(latenciesUs === undefined ? {} : { latenciesUs }),
          ...(tuples === undefined ? {} : { tuples }),
        },
        ...otherCalls(asked, result.latencies),
      ];
    },
  };
}

/** Where a job has several calls, what each but the first took. */
function otherCalls({ name, job }: LoadQuestion, all: readonly Latencies[]): readonly Measured[] {
  return all.slice(1).map(({ us }, at) => {
    const path = job.calls[at + 1]?.path ?? "";
    const method = path.slice(path.lastIndexOf("/") + 1);
    return { name: `${name}: ${method} in it`, unit: "call", latenciesUs: us };
  });
}
