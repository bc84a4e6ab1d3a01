import { PlainClient, type Plain } from "./plain-grpc.ts";
import type { PackageDefinition } from "@grpc/proto-loader";

/** One unary call of anybody's client, with the names of the .proto files on both sides. */
export type Ask = (service: string, method: string, request: Plain) => Promise<Plain>;

/** What an error of any client says in one form. */
export class AskError extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** Asks over gRPC, with definitions from wherever. */
export function askGrpc(definition: PackageDefinition, address: string): Ask {
  return async (service, method, request) => {
    using client = new PlainClient(definition, `prokura.v1.${service}`, address);
    try {
      return await client.unary(method, request);
    } catch (error) {
      if (!(error instanceof Error) || !("metadata" in error)) throw error;
      const metadata: unknown = error.metadata;
      const get: unknown = Reflect.get(Object(metadata), "get");
      const [code]: unknown[] =
        typeof get === "function" ? get.call(metadata, "prokura-code") : [undefined];
      throw new AskError(String(code), error.message);
    }
  };
}

/** Asks with JSON over HTTP. */
export function askHttp(url: string): Ask {
  return async (service, method, request) => {
    const response = await fetch(`${url}/prokura.v1.${service}/${method}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(request),
    });
    const text = await response.text();
    if (!response.ok) throw new AskError(response.headers.get("prokura-code") ?? "", text);
    return JSON.parse(text, (_key, value: unknown) => snakeCased(value));
  };
}

function snakeCased(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, part]) => [
      name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      part,
    ]),
  );
}
