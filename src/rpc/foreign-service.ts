import { EventEmitter } from "node:events";
import { Server, type ServiceError } from "@grpc/grpc-js";
import { Code } from "@connectrpc/connect";
import { DomainError } from "../core/error.ts";
import { frameMessage } from "./grpc-framing.ts";
import type { Http2Call } from "./http2-call.ts";
import { readOne } from "./http2-messages.ts";
import { wireStatus } from "./http2-status.ts";
import type { Http2Route } from "./http2-transport.ts";
import type { ReportBug } from "./stream-check.ts";

const detailsMax = 256;

/** A route, and what others than its service must know of it. */
export interface ForeignRoute extends Http2Route {
  /** It stays open until one side ends it. */
  readonly isStream: boolean;
  /** It takes one message, and begins with it. */
  readonly takesOne: boolean;
}

/**
 * Routes for services that others have written for a server of grpc-js, as health and reflection are.
 * `install` is given a server that never listens and only takes down what is registered with it. Of a
 * call such a service gets what these two use: its request or its messages, `write`, `end`, `cancelled`.
 */
export function foreignRoutes(
  install: (server: Server) => void,
  ports: ForeignPorts,
): readonly ForeignRoute[] {
  const routes: ForeignRoute[] = [];
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
    const [isStream, takesOne] = [kind !== "unary", kind !== "bidi"];
    const service: Foreign = { path, takesOne, handler, write, read, ports };
    // Nobody need say who they are here, and nobody has much to say.
    const limits = { messageBytesMax: 16 * 1024, answerBytesMax: 4 * 1024 * 1024 };
    routes.push({ path, isStream, takesOne, limits, serve: (call) => serveForeign(call, service) });
    return true;
  };
  install(server);
  return routes;
}

/** What such services are given. */
export interface ForeignPorts {
  /** Called before a call is answered, with its path. */
  readonly begins: (path: string) => void;
  readonly reportBug: ReportBug;
}

interface Foreign {
  readonly path: string;
  readonly takesOne: boolean;
  readonly handler: (...parts: never[]) => unknown;
  readonly write: (message: unknown) => Buffer;
  readonly read: (bytes: Buffer) => unknown;
  readonly ports: ForeignPorts;
}

function serveForeign(call: Http2Call, service: Foreign): void {
  const { handler, write, read } = service;
  const events = new EventEmitter();
  const hold = holding(call);
  const view = Object.assign(events, {
    request: undefined as unknown,
    write: (message: unknown): void => {
      if (!call.write(write(message))) hold();
    },
    end: () => call.finish(),
  });
  const answer = (error: Partial<ServiceError> | null, message: unknown): void => {
    if (error === null) call.finish(write(message));
    else {
      // Cut: it may say back what was asked.
      const text = (error.details ?? "Unknown Error").slice(0, detailsMax);
      call.fail({ status: Number(error.code ?? Code.Unknown), message: text });
    }
  };
  const start = (): void => {
    service.ports.begins(service.path);
    Reflect.apply(handler, undefined, [view, answer]);
  };
  call.whenOver(() => events.emit("cancelled"));
  if (service.takesOne) {
    readOne(call, service.path, (bytes) =>
      guarded(call, service, () => {
        view.request = read(bytes);
        start();
      }),
    );
    return;
  }
  start();
  call.consume({
    message: (bytes) => guarded(call, service, () => events.emit("data", read(bytes))),
    halfClosed: () => guarded(call, service, () => events.emit("end")),
  });
}

/** For when the client reads too slowly: no more is taken from it meanwhile. */
function holding(call: Http2Call): () => void {
  let isHeld = false;
  return () => {
    if (isHeld) return;
    isHeld = true;
    call.pause();
    call.drained(() => {
      isHeld = false;
      call.resume();
    });
  };
}

function guarded(call: Http2Call, { ports }: Foreign, act: () => void): void {
  try {
    act();
  } catch (error) {
    const status = wireStatus(error);
    if (status.isBug) ports.reportBug(error);
    call.fail(status);
  }
}
