import { pino } from "pino";
import { createClient, type Client, type ClientTls } from "../../src/client/client.ts";
import type { Issuer, SubjectIssuer } from "../../src/identity/issuer.ts";
import { createTokenVerifier } from "../../src/identity/token-verifier.ts";
import { createMetrics } from "../../src/rpc/metrics.ts";
import { startServer, type ListenAddress, type RpcServer } from "../../src/rpc/server.ts";
import type { TlsSource } from "../../src/rpc/tls.ts";
import { createCredentials } from "../../src/service/credentials.ts";
import { ensureSystemModel } from "../../src/service/system-model.ts";
import { startNode, type ServiceNode } from "../support/service-node.ts";
import { limits } from "./serving.ts";

/** A node behind real ports that asks who calls. */
export interface GuardedServer extends AsyncDisposable {
  readonly node: ServiceNode;
  readonly rpc: RpcServer;
  readonly grpcAddress: string;
  readonly httpPort: number;
  client(token?: string, tls?: ClientTls): Client;
}

export interface Guard {
  readonly proof?: ListenAddress["proof"];
  readonly issuers?: readonly Issuer[];
  readonly subjects?: readonly SubjectIssuer[];
  readonly tls?: TlsSource;
  /** Another node's database. */
  readonly database?: string;
}

export async function startGuarded(guard: Guard): Promise<GuardedServer> {
  const node = await startNode(guard.database, guard.subjects);
  await ensureSystemModel(node.storage, node.services.models);
  const metrics = createMetrics(() => ({}));
  const listen = { host: "127.0.0.1", port: 0, proof: guard.proof ?? "required" } as const;
  const verifyToken = createTokenVerifier(guard.issuers ?? [], Date.now);
  const verifyCredential = createCredentials(node.storage.keys.find, verifyToken);
  const rpc = await startServer(
    { ...node.services, verifyCredential },
    {
      grpc: listen,
      http: listen,
      limits,
      grpcServer: "own",
      ...(guard.tls === undefined ? {} : { tls: guard.tls }),
    },
    {
      log: pino({ level: "silent" }),
      observer: metrics.calls,
      pages: { ...metrics, serves: () => true },
    },
  );
  const grpcAddress = `localhost:${rpc.grpcPort}`;
  return {
    node,
    rpc,
    grpcAddress,
    httpPort: rpc.httpPort,
    client: (token, tls) =>
      createClient({
        address: grpcAddress,
        ...(token === undefined ? {} : { token }),
        ...(tls === undefined ? {} : { tls }),
      }),
    [Symbol.asyncDispose]: async () => {
      await rpc.close(0);
      await node[Symbol.asyncDispose]();
    },
  };
}
