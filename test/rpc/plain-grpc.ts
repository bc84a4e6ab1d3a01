import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import {
  credentials,
  loadPackageDefinition,
  makeGenericClientConstructor,
  Metadata,
  type Client,
  type ClientDuplexStream,
  type ClientReadableStream,
  type GrpcObject,
  type ServiceClientConstructor,
  type ServiceError,
} from "@grpc/grpc-js";
import { loadSync, type PackageDefinition } from "@grpc/proto-loader";

/** A message as a client without generated code has it: plain objects, snake_case, enums by name. */
export type Plain = Record<string, unknown>;

const options = { keepCase: true, longs: String, enums: String, defaults: false, oneofs: true };
const protoFolder = fileURLToPath(new URL("../../proto", import.meta.url));
const serviceFiles = ["authorization", "delegation", "tuple", "model", "admin"];

/** What anybody gets who has the .proto files and nothing else of ours. */
export function loadProtoFiles(): PackageDefinition {
  return loadSync(
    serviceFiles.map((name) => `prokura/v1/${name}.proto`),
    { ...options, includeDirs: [protoFolder] },
  );
}

/** A client of one service, closed when it is disposed of. */
export class PlainClient implements Disposable {
  readonly #client: Client;

  constructor(definition: PackageDefinition, service: string, address: string) {
    const constructor = find(loadPackageDefinition(definition), service);
    this.#client = new constructor(address, credentials.createInsecure());
  }

  async unary(
    method: string,
    request: Plain,
    metadata: Metadata = new Metadata(),
    callOptions: { readonly deadline?: number } = {},
  ): Promise<Plain> {
    return await new Promise((resolve, reject) => {
      this.#call(method)(
        request,
        metadata,
        callOptions,
        (error: ServiceError | null, response?: Plain) => {
          if (error !== null) reject(error);
          else resolve(response ?? {});
        },
      );
    });
  }

  serverStream(method: string, request: Plain): ClientReadableStream<Plain> {
    return this.#call(method)(request);
  }

  duplex(method: string): ClientDuplexStream<Plain, Plain> {
    return this.#call(method)();
  }

  /** Sends all messages and returns the answer. */
  async clientStream(method: string, requests: readonly Plain[]): Promise<Plain> {
    return await new Promise((resolve, reject) => {
      const stream = this.#call(method)((error: ServiceError | null, response?: Plain) => {
        if (error !== null) reject(error);
        else resolve(response ?? {});
      });
      for (const request of requests) stream.write(request);
      stream.end();
    });
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }

  // The client's methods are made at run time, so they have no types.
  // oxlint-disable-next-line typescript/no-explicit-any
  #call(method: string): (...args: any[]) => any {
    const found: unknown = Reflect.get(this.#client, method);
    assert(typeof found === "function", `no method ${method}`);
    return found.bind(this.#client);
  }
}

/** Sends bytes of one's own choosing, and returns those of the answer. */
export async function sendBytes(address: string, path: string, bytes: Buffer): Promise<Buffer> {
  const Raw = makeGenericClientConstructor({}, "raw");
  const client = new Raw(address, credentials.createInsecure());
  const asItIs = (value: Buffer): Buffer => value;
  try {
    return await new Promise((resolve, reject) => {
      client.makeUnaryRequest(path, asItIs, asItIs, bytes, (error, response) => {
        if (error !== null) reject(error);
        else resolve(response ?? Buffer.alloc(0));
      });
    });
  } finally {
    client.close();
  }
}

function find(root: GrpcObject, name: string): ServiceClientConstructor {
  let place: unknown = root;
  for (const part of name.split(".")) {
    assert(typeof place === "object" || typeof place === "function", name);
    place = Reflect.get(place ?? {}, part);
  }
  assert(isConstructor(place), `no service ${name}`);
  return place;
}

function isConstructor(value: unknown): value is ServiceClientConstructor {
  return typeof value === "function";
}
