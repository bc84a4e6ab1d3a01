import type { Logger } from "pino";
import type { Caller } from "../core/caller.ts";
import { AdminService } from "../gen/prokura/v1/admin_pb.ts";
import { AuditService } from "../gen/prokura/v1/audit_pb.ts";
import { AuthorizationService } from "../gen/prokura/v1/authorization_pb.ts";
import { DelegationService } from "../gen/prokura/v1/delegation_pb.ts";
import { ModelService } from "../gen/prokura/v1/model_pb.ts";
import { TupleService } from "../gen/prokura/v1/tuple_pb.ts";
import type { ApiKeys } from "../service/api-keys.ts";
import type { Audit } from "../service/audit.ts";
import type { VerifyCredential } from "../service/credentials.ts";
import type { Delegations } from "../service/delegations.ts";
import type { Models } from "../service/models.ts";
import type { Tenants } from "../service/tenants.ts";
import type { Tuples } from "../service/tuples.ts";
import { adminHandlers } from "./admin-handlers.ts";
import { Admission, type CallObserver } from "./admission.ts";
import { auditHandlers } from "./audit-handlers.ts";
import { authenticateBy } from "./authenticate.ts";
import { authorizationHandlers, type AuthorizationParts } from "./authorization-handlers.ts";
import type { Handlers } from "./call.ts";
import { CallerBudgets } from "./caller-budgets.ts";
import { delegationHandlers } from "./delegation-handlers.ts";
import { listenGrpcJs, type Serving } from "./grpc-server.ts";
import { listenH2 } from "./h2/h2-server.ts";
import type { HttpPages } from "./http-pages.ts";
import { listenHttp } from "./http-server.ts";
import { listenHttp2 } from "./http2-server.ts";
import { limitedTransport } from "./limited-transport.ts";
import type { RequestLimits, TransportLimits } from "./limits.ts";
import { modelHandlers } from "./model-handlers.ts";
import type { ReportBug } from "./stream-check.ts";
import type { TlsSource } from "./tls.ts";
import { tupleHandlers } from "./tuple-handlers.ts";

/** Every use case that is served. */
export interface UseCases extends Omit<AuthorizationParts, "budgets"> {
  readonly delegations: Delegations;
  readonly tuples: Tuples;
  readonly models: Models;
  readonly tenants: Tenants;
  readonly keys: ApiKeys;
  readonly audit: Audit;
  readonly verifyCredential: VerifyCredential;
}

export interface ServerOptions {
  readonly grpc: ListenAddress;
  readonly http: ListenAddress;
  /** On both ports; absent: in the clear. */
  readonly tls?: TlsSource;
  readonly limits: RequestLimits & TransportLimits;
  readonly grpcServer: GrpcServer;
}

/** What gRPC runs on. A client sees no difference. */
export type GrpcServer = "own" | "http2" | "grpc-js";

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
  /** What is taken of a caller that shows no credential: as if it were enough, or nothing. */
  readonly proof: "loopback" | "insecure" | "required";
}

/** Where to report to. */
export interface ServerPorts {
  readonly log: Logger;
  readonly observer: CallObserver;
  readonly pages: HttpPages;
}

/** The running server, gRPC and HTTP. */
export interface RpcServer {
  readonly grpcPort: number;
  readonly httpPort: number;
  /** Tells those who watch its health where that has changed. Whoever asks is told what holds then. */
  refreshHealth(): void;
  close(graceMs: number): Promise<void>;
}

const listeners = { own: listenH2, http2: listenHttp2, "grpc-js": listenGrpcJs };

/** Listens on both ports. */
export async function startServer(
  useCases: UseCases,
  options: ServerOptions,
  ports: ServerPorts,
): Promise<RpcServer> {
  const { log } = ports;
  const reportBug: ReportBug = (error) => log.error({ err: error }, "a call failed on a bug");
  const observer = loggedCalls(ports.observer, log);
  const budgets = new CallerBudgets(options.limits);
  const serving = {
    services: [
      AuthorizationService,
      DelegationService,
      TupleService,
      ModelService,
      AuditService,
      AdminService,
    ],
    handlers: [
      authorizationHandlers({ ...useCases, budgets }, options.limits, reportBug),
      delegationHandlers(useCases.delegations, options.limits),
      tupleHandlers(useCases.tuples, options.limits),
      modelHandlers(useCases.models, options.limits),
      auditHandlers(useCases.audit, options.limits),
      adminHandlers(useCases, options.limits),
    ].map(
      (handle): Handlers =>
        (transport) =>
          handle(limitedTransport(transport, budgets)),
    ),
    limits: options.limits,
    tls: options.tls,
    admission: new Admission(options.limits, observer),
    reportBug,
    serves: ports.pages.serves,
  };
  const servingOn = ({ proof }: ListenAddress): Serving => {
    const anonymous: Caller | undefined =
      proof === "required" ? undefined : { id: "anonymous", proof: { kind: proof } };
    return { ...serving, authenticate: authenticateBy(useCases.verifyCredential, anonymous) };
  };
  const grpc = await listeners[options.grpcServer](servingOn(options.grpc), options.grpc);
  const http = await listenHttp(servingOn(options.http), ports.pages, options.http).catch(
    async (error: unknown) => {
      await grpc.close(0);
      throw error;
    },
  );
  const both = [grpc, http];
  return {
    grpcPort: grpc.port,
    httpPort: http.port,
    refreshHealth: () => {
      for (const listener of both) listener.refreshHealth();
    },
    close: async (graceMs) => {
      await Promise.all(both.map((listener) => listener.close(graceMs)));
    },
  };
}

function loggedCalls(observer: CallObserver, log: Logger): CallObserver {
  if (!log.isLevelEnabled("debug")) return observer;
  return {
    of: (method) => {
      const counted = observer.of(method);
      return {
        started: () => counted.started(),
        ended: (status, durationMs) => {
          counted.ended(status, durationMs);
          log.debug({ method, status, duration_ms: Math.round(durationMs * 1000) / 1000 }, "call");
        },
      };
    },
  };
}
