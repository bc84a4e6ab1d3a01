import { DomainError } from "../core/error.ts";
import { foreignRoutes } from "./foreign-service.ts";
import type { Serving } from "./grpc-server.ts";
import { Health, isOfHealth } from "./health.ts";
import type { CallLimits } from "./http2-call.ts";
import { Http2Transport } from "./http2-transport.ts";
import { addReflection } from "./reflection.ts";

/** Everything that is served, whatever it is served over. */
export interface GrpcService {
  readonly transport: Http2Transport;
  readonly callLimits: CallLimits;
  /** Tells those who watch its health where that has changed. */
  refreshHealth(): void;
  /** Ends open streams: their clients go elsewhere. */
  stop(): void;
}

/** Our services, health and reflection. */
export function grpcService(serving: Serving): GrpcService {
  const { authenticate, admission, reportBug, limits } = serving;
  const transport = new Http2Transport(authenticate, admission, reportBug);
  for (const handlers of serving.handlers) handlers(transport);
  const health = new Health(serving.services, serving.serves);
  const foreign = foreignRoutes(
    (server) => {
      health.addTo(server);
      addReflection(server, serving.services);
    },
    {
      begins: (path) => {
        if (isOfHealth(path)) health.refresh();
      },
      reportBug,
    },
  );
  for (const route of foreign) transport.addForeign(route);
  return {
    transport,
    callLimits: {
      messageBytesMax: limits.messageBytesMax,
      // A list or an export may answer with more than it was asked with, but not without end.
      answerBytesMax: 4 * limits.messageBytesMax,
    },
    refreshHealth: () => health.refresh(),
    stop: () =>
      transport.endStreams(new DomainError("not_serving", "the server is stopping, try another")),
  };
}
