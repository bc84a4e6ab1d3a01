import { create, fromBinary, toBinary, type DescMethod } from "@bufbuild/protobuf";
import {
  Server,
  ServerCredentials,
  type ServerWritableStream,
  type ServiceDefinition,
  type sendUnaryData,
  type ServerUnaryCall,
} from "@grpc/grpc-js";
import { once } from "node:events";
import { EventEmitter } from "node:events";
import type { CheckRequest } from "../../../src/gen/prokura/v1/authorization_pb.ts";
import {
  AuthorizationService,
  CheckResponseSchema,
  Reason,
  Verdict,
} from "../../../src/gen/prokura/v1/authorization_pb.ts";

/** A service at the other end of the wire that answers by a rule of the test. */
export interface AuthorizationServer extends AsyncDisposable {
  readonly address: string;
  readonly checks: CheckRequest[];
  /** Decides. `undefined` never answers. */
  rule: (request: CheckRequest) => Reason | undefined;
  tools: readonly string[];
  /** Tells those who watch that tools may have changed. */
  change(): void;
  /** Resolves when somebody watches. */
  watched(): Promise<void>;
}

export async function startAuthorizationServer(): Promise<AuthorizationServer> {
  const changes = new EventEmitter();
  let watchers = 0;
  const server = new Server();
  server.addService(definitionOf(AuthorizationService.methods), {
    check(call: ServerUnaryCall<CheckRequest, object>, callback: sendUnaryData<object>) {
      service.checks.push(call.request);
      const reason = service.rule(call.request);
      if (reason !== undefined) callback(null, responseOf(reason));
    },
    listTools(_: unknown, callback: sendUnaryData<object>) {
      const tools = service.tools.map((id) => ({ type: "tool", id }));
      callback(null, create(AuthorizationService.method.listTools.output, { tools }));
    },
    watchTools(call: ServerWritableStream<object, object>) {
      const event = create(AuthorizationService.method.watchTools.output, { token: "t1" });
      const send = (): void => void call.write(event);
      changes.on("change", send);
      call.on("cancelled", () => changes.off("change", send));
      send();
      watchers += 1;
      changes.emit("watched");
    },
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  const service: AuthorizationServer = {
    address: `127.0.0.1:${port}`,
    checks: [],
    rule: () => Reason.NO_DELEGATION,
    tools: [],
    change: () => void changes.emit("change"),
    watched: async () => {
      if (watchers === 0) await once(changes, "watched");
    },
    [Symbol.asyncDispose]: async () => server.forceShutdown(),
  };
  return service;
}

function responseOf(reason: Reason): object {
  return create(CheckResponseSchema, {
    verdict: reason === Reason.UNSPECIFIED ? Verdict.ALLOWED : Verdict.DENIED,
    reason,
    decisionId: "dec-1",
    detail: "",
    missingContext: reason === Reason.CONTEXT_MISSING ? ["approved"] : [],
  });
}

export function definitionOf(methods: readonly DescMethod[]): ServiceDefinition {
  return Object.fromEntries(
    methods.map((method) => [
      method.localName,
      {
        path: `/${method.parent.typeName}/${method.name}`,
        requestStream: ["client_streaming", "bidi_streaming"].includes(method.methodKind),
        responseStream: ["server_streaming", "bidi_streaming"].includes(method.methodKind),
        requestSerialize: () => Buffer.alloc(0),
        requestDeserialize: (bytes: Buffer) => fromBinary(method.input, bytes),
        responseSerialize: (message: object) =>
          Buffer.from(toBinary(method.output, create(method.output, { ...message }))),
        responseDeserialize: () => ({}),
      },
    ]),
  );
}
