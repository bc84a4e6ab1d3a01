import { EventEmitter } from "node:events";
import { Server, type ServiceError } from "@grpc/grpc-js";
import { Code } from "@connectrpc/connect";
import { DomainError } from "../core/error.ts";
import { frameMessage } from "./grpc-framing.ts";
import type { Http2Call } from "./http2-call.ts";
import { wireStatus } from "./http2-status.ts";
import type { Http2Route } from "./http2-transport.ts";

/**
 * Routes for services that others have written for a server of grpc-js, as health and reflection are.
 * `install` is given a server that never listens and only takes down what is registered with it. Of a
 * call such a service gets what these two use: its request or its messages, `write`, `end`, `cancelled`.
 */
export function foreignRoutes(install: (server: Server) => void): readonly Http2Route[] {
  const routes: Http2Route[] = [];
  const server = new Server();
  server.register = (path, handler, serialize, deserialize, kind) => {
    // What it is called with was parsed by its own functions; no checker can follow.
    const write = (message: unknown): Buffer =>
      frameMessage(Reflect.apply(serialize, undefined, [message]));
    const read = (bytes: Buffer): unknown => {
      try {
        return deserialize(bytes);
      } catch (cause) {
        throw new DomainError("malformed", "the message cannot be decoded", { cause });
      }
    };
    routes.push({
      path,
      // Nobody need say who they are here, and nobody has much to say.
      limits: { messageBytesMax: 16 * 1024, answerBytesMax: 4 * 1024 * 1024 },
      serve: (call) => serveForeign(call, kind, handler, write, read),
    });
    return true;
  };
  install(server);
  return routes;
}

function serveForeign(
  call: Http2Call,
  kind: string,
  handler: (...parts: never[]) => unknown,
  serialize: (message: unknown) => Buffer,
  deserialize: (bytes: Buffer) => unknown,
): void {
  const streamsIn = kind === "bidi";
  const events = new EventEmitter();
  const view = Object.assign(events, {
    request: undefined as unknown,
    write: (message: unknown): void => {
      if (!call.write(serialize(message))) hold(call);
    },
    end: () => call.finish(),
  });
  const answer = (error: Partial<ServiceError> | null, message: unknown): void => {
    if (error === null) call.finish(serialize(message));
    else
      call.fail({
        status: Number(error.code ?? Code.Unknown),
        message: error.details ?? "Unknown Error",
      });
  };
  const start = (): void => void Reflect.apply(handler, undefined, [view, answer]);
  call.whenOver(() => events.emit("cancelled"));
  if (streamsIn) start();
  call.consume({
    message: (bytes) =>
      guarded(call, () => {
        const message = deserialize(bytes);
        if (streamsIn) events.emit("data", message);
        else view.request = message;
      }),
    halfClosed: () =>
      guarded(call, () => {
        if (streamsIn) events.emit("end");
        else start();
      }),
  });
}

/** The client reads too slowly: no more is taken from it meanwhile. */
function hold(call: Http2Call): void {
  call.pause();
  call.drained(() => call.resume());
}

function guarded(call: Http2Call, act: () => void): void {
  try {
    act();
  } catch (error) {
    call.fail(wireStatus(error));
  }
}
