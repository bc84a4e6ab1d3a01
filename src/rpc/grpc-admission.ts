import {
  ServerInterceptingCall,
  ServerListenerBuilder,
  type ServerInterceptor,
} from "@grpc/grpc-js";
import { Code } from "@connectrpc/connect";
import type { Admission, Ticket } from "./admission.ts";
import { statusFromError } from "./errors.ts";
import { grpcStatus } from "./grpc.ts";

// Health and reflection answer also when nothing else is let in: else overload looks like death.
const alwaysLetIn = /^\/grpc\./;

/** Lets calls in as their headers arrive, before their messages take memory. */
export function admissionInterceptor(admission: Admission): ServerInterceptor {
  return (method, call) => {
    if (alwaysLetIn.test(method.path)) return new ServerInterceptingCall(call);
    let ticket: Ticket | undefined;
    const listener = new ServerListenerBuilder()
      .withOnReceiveMetadata((metadata, next) => {
        try {
          const streaming = method.requestStream || method.responseStream;
          ticket = admission.enter(method.path, call.getPeer(), streaming);
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
