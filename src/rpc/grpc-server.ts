import type { DescService } from "@bufbuild/protobuf";
import {
  logVerbosity,
  Server,
  ServerCredentials,
  ServerInterceptingCall,
  setLogVerbosity,
} from "@grpc/grpc-js";
import { DomainError } from "../core/error.ts";
import type { Admission } from "./admission.ts";
import type { Authenticate } from "./authenticate.ts";
import type { Handlers } from "./call.ts";
import { admissionInterceptor } from "./grpc-admission.ts";
import { Health, isOfHealth } from "./health.ts";
import { GrpcTransport } from "./grpc.ts";
import type { TransportLimits } from "./limits.ts";
import { addReflection } from "./reflection.ts";
import type { TlsSource } from "./tls.ts";
import type { ReportBug } from "./stream-check.ts";

/** What a server serves, and to whom. */
export interface Serving {
  readonly services: readonly DescService[];
  readonly handlers: readonly Handlers[];
  readonly authenticate: Authenticate;
  /** Absent: in the clear. */
  readonly tls: TlsSource | undefined;
  readonly limits: TransportLimits;
  readonly admission: Admission;
  readonly reportBug: ReportBug;
  /** Whether a check would be answered now. */
  readonly serves: () => boolean;
}

/** A server that listens. */
export interface Listener {
  readonly port: number;
  /** Tells those who watch its health where that has changed. Whoever asks is told what holds then. */
  refreshHealth(): void;
  /** Takes no new calls, ends open streams, waits for the rest until the grace is over, then cuts. */
  close(graceMs: number): Promise<void>;
}

/** gRPC on `@grpc/grpc-js`. Fails with `not_supported` where it cannot listen. */
export async function listenGrpcJs(
  serving: Serving,
  { host, port: wanted }: { readonly host: string; readonly port: number },
): Promise<Listener> {
  if (serving.tls !== undefined) {
    throw new DomainError("not_supported", "the gRPC server on grpc-js has no TLS here: use http2");
  }
  // Its errors come to us as errors, and are told in our log.
  setLogVerbosity(logVerbosity.NONE);
  const health = new Health(serving.services, serving.serves);
  const server = new Server({
    "grpc.max_receive_message_length": serving.limits.messageBytesMax,
    // A list or an export may answer with more than it was asked with, but not without end.
    "grpc.max_send_message_length": 4 * serving.limits.messageBytesMax,
    // A client that keeps to its limit never meets this one, which bounds what is kept per connection.
    "grpc.max_concurrent_streams": 2 * serving.limits.inFlightPerConnectionMax,
    "grpc.keepalive_time_ms": 60_000,
    "grpc.keepalive_timeout_ms": 20_000,
    interceptors: [
      ({ path }, call) => {
        if (isOfHealth(path)) health.refresh();
        return new ServerInterceptingCall(call);
      },
      admissionInterceptor(serving.admission),
    ],
  });
  const transport = new GrpcTransport(server, serving.authenticate, serving.reportBug);
  for (const handlers of serving.handlers) handlers(transport);
  health.addTo(server);
  addReflection(server, serving.services);
  const port = await bind(server, `${host.includes(":") ? `[${host}]` : host}:${wanted}`);
  return { port, refreshHealth: () => health.refresh(), close };

  async function close(graceMs: number): Promise<void> {
    transport.endStreams(new DomainError("not_serving", "the server is stopping, try another"));
    await new Promise<void>((resolve) => {
      const cut = setTimeout(() => {
        server.forceShutdown();
        resolve();
      }, graceMs);
      server.tryShutdown(() => {
        clearTimeout(cut);
        resolve();
      });
    });
  }
}

async function bind(server: Server, address: string): Promise<number> {
  return await new Promise((resolve, reject) => {
    server.bindAsync(address, ServerCredentials.createInsecure(), (cause, port) => {
      if (cause === null) resolve(port);
      else {
        reject(
          new DomainError("not_supported", `cannot listen on \`${address}\`: ${cause.message}`, {
            cause,
          }),
        );
      }
    });
  });
}
