import { pino } from "pino";
import { createMetrics } from "../../src/rpc/metrics.ts";
import {
  startServer,
  type GrpcServer,
  type RpcServer,
  type UseCases,
} from "../../src/rpc/server.ts";
import type { RequestLimits, TransportLimits } from "../../src/rpc/limits.ts";
import { refusingUseCases } from "./refusing-use-cases.ts";

export const limits: RequestLimits & TransportLimits = {
  operationsMax: 1000,
  checksMax: 1000,
  contextualTuplesMax: 100,
  contextBytesMax: 64 * 1024,
  pageSizeMax: 1000,
  messageBytesMax: 4 * 1024 * 1024,
  inFlightMax: 10_000,
  inFlightPerConnectionMax: 1000,
  callerRateMax: Infinity,
  callerInFlightMax: 5_000,
};

/** A server on free ports, and the lines that it logs. */
export interface TestServer extends AsyncDisposable {
  readonly rpc: RpcServer;
  readonly grpcAddress: string;
  readonly httpUrl: string;
  readonly logged: readonly string[];
  /** Whether it says that it is ready: not from the start. */
  setServing(serves: boolean): void;
}

export async function serve(
  useCases: Partial<UseCases>,
  changed: Partial<RequestLimits & TransportLimits> = {},
  grpcServer: GrpcServer = "own",
): Promise<TestServer> {
  const logged: string[] = [];
  let serves = false;
  const metrics = createMetrics(() => ({ polls: 3 }));
  const listen = { host: "127.0.0.1", port: 0, proof: "loopback" } as const;
  const rpc = await startServer(
    refusingUseCases(useCases),
    { grpc: listen, http: listen, limits: { ...limits, ...changed }, grpcServer },
    {
      log: pino({ level: "warn" }, { write: (line) => void logged.push(line) }),
      observer: metrics.calls,
      pages: { metrics: () => metrics.metrics(), serves: () => serves },
    },
  );
  return {
    rpc,
    grpcAddress: `127.0.0.1:${rpc.grpcPort}`,
    httpUrl: `http://127.0.0.1:${rpc.httpPort}`,
    logged,
    setServing: (state) => void (serves = state),
    [Symbol.asyncDispose]: () => rpc.close(0),
  };
}
