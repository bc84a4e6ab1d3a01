import {
  ServerInterceptingCall,
  ServerListenerBuilder,
  type ServerInterceptor,
} from "@grpc/grpc-js";
import { Code } from "@connectrpc/connect";
import type { Admission, ConnectionCounts, Gate, Ticket } from "./admission.ts";
import { statusFromError } from "./errors.ts";
import { grpcStatus } from "./grpc.ts";

// Health and reflection answer also when nothing else is let in: else overload looks like death.
const alwaysLetIn = /^\/grpc\./;

/** Lets calls in as their headers arrive, before their messages take memory. */
export function admissionInterceptor(admission: Admission): ServerInterceptor {
  const gates = new Map<string, Gate>();
  // A connection shows here as the address of its other end alone, and its end shows nowhere.
  const connections = new Map<string, ConnectionCounts>();
  return (method, call) => {
    if (alwaysLetIn.test(method.path)) return new ServerInterceptingCall(call);
    const peer = call.getPeer();
    const gate =
      gates.get(method.path) ??
      admission.gate(method.path, method.requestStream || method.responseStream);
    gates.set(method.path, gate);
    let ticket: Ticket | undefined;
    const listener = new ServerListenerBuilder()
      .withOnReceiveMetadata((metadata, next) => {
        try {
          const connection = connections.get(peer) ?? admission.connection();
          ticket = leaving(gate.enter(connection), () => {
            if (connection.unary.value + connection.streams.value === 0) connections.delete(peer);
          });
          connections.set(peer, connection);
        } catch (error) {
          call.sendStatus(grpcStatus(statusFromError(error)));
          return;
        }
        next(metadata);
      })
      // The end of every call, whether it was answered or left.
      .withOnCancel(() => ticket?.leave(Code.Canceled))
      .build();
    return new ServerInterceptingCall(call, {
      start: (next) => next(listener),
      sendMetadata: (metadata, next) => next(metadata),
      sendMessage: (message, next) => next(message),
      sendStatus: (status, next) => {
        next(status);
        ticket?.leave(Number(status.code ?? 0) === 0 ? "ok" : Number(status.code));
      },
    });
  };
}

/** Calls once the ticket is left. */
function leaving(ticket: Ticket, left: () => void): Ticket {
  return {
    leave: (status) => {
      ticket.leave(status);
      left();
    },
  };
}
