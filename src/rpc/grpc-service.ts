import { HealthImplementation } from "grpc-health-check";
import { DomainError } from "../core/error.ts";
import { foreignRoutes } from "./foreign-service.ts";
import type { Serving } from "./grpc-server.ts";
import type { CallLimits } from "./http2-call.ts";
import { Http2Transport } from "./http2-transport.ts";
import { addReflection } from "./reflection.ts";

/** Everything that is served, whatever it is served over. */
export interface GrpcService {
  readonly transport: Http2Transport;
  readonly callLimits: CallLimits;
  setServing(serving: boolean): void;
  /** Ends open streams: their clients go elsewhere. */
  stop(): void;
}

/** Our services, health and reflection. Health says that it does not serve until it is told. */
export function grpcService(serving: Serving): GrpcService {
  const { authenticate, admission, reportBug, limits } = serving;
  const transport = new Http2Transport(authenticate, admission, reportBug);
  for (const handlers of serving.handlers) handlers(transport);
  const health = new HealthImplementation();
  const foreign = foreignRoutes((server) => {
    health.addToServer(server);
    addReflection(server, serving.services);
  });
  for (const route of foreign) transport.add(route);
  const names = ["", ...serving.services.map((service) => service.typeName)];
  const setServing = (serves: boolean): void => {
    for (const name of names) health.setStatus(name, serves ? "SERVING" : "NOT_SERVING");
  };
  setServing(false);
  return {
    transport,
    callLimits: {
      messageBytesMax: limits.messageBytesMax,
      // A list or an export may answer with more than it was asked with, but not without end.
      answerBytesMax: 4 * limits.messageBytesMax,
    },
    setServing,
    stop: () =>
      transport.endStreams(new DomainError("not_serving", "the server is stopping, try another")),
  };
}
