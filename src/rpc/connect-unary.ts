import {
  create,
  fromBinary,
  fromJsonString,
  toBinary,
  toJsonString,
  type DescMessage,
  type DescMethodUnary,
  type MessageInitShape,
  type MessageShape,
} from "@bufbuild/protobuf";
import { isAscii } from "node:buffer";
import { DomainError } from "../core/error.ts";
import { quote } from "../core/object.ts";
import {
  AuthorizationService,
  type CheckRequest,
  type CheckRequestSchema,
  type CheckResponseSchema,
} from "../gen/prokura/v1/authorization_pb.ts";
import type { CallContext, Transport, UnaryHandler } from "./call.ts";
import { isSlight } from "./check-decoder.ts";
import { decodeCheckJson, encodeCheckJson } from "./check-json.ts";
import { pathOf } from "./grpc.ts";
import { SharedMessages } from "./shared-messages.ts";

// A lenient decoder would make one id of two that differ.
const strictUtf8 = new TextDecoder("utf-8", { fatal: true });

/** What a body is written in, by its content type. */
export type BodyFormat = "json" | "proto";

/** Answers one unary call from its body to its body. */
export type UnaryRoute = (
  body: Buffer,
  format: BodyFormat,
  call: CallContext,
) => Uint8Array | string | Promise<Uint8Array | string>;

/**
 * The unary methods of the Connect protocol, one body to another, by path. A router of Connect's own
 * does the same at six times the cost, and the streams.
 */
export class UnaryRoutes implements Transport {
  readonly #routes = new Map<string, UnaryRoute>();

  find(path: string): UnaryRoute | undefined {
    return this.#routes.get(path);
  }

  unary<Input extends DescMessage, Output extends DescMessage>(
    method: DescMethodUnary<Input, Output>,
    handler: UnaryHandler<Input, Output>,
  ): void {
    const { input, output } = method;
    const quick = quickJsonOf<Input, Output>(method);
    const read = (body: Buffer, format: BodyFormat): MessageShape<Input> =>
      (format === "json" ? quick?.decode(body) : undefined) ?? decode(input, body, format);
    const write = (message: MessageInitShape<Output>, format: BodyFormat): Uint8Array | string =>
      (format === "json" ? quick?.encode(message) : undefined) ?? encode(output, message, format);
    this.#routes.set(pathOf(method), (body, format, call) => {
      const response = handler(read(body, format), call);
      return response instanceof Promise
        ? response.then((message) => write(message, format))
        : write(response, format);
    });
  }

  // Streams are the router's.
  serverStream(): void {}
  clientStream(): void {}
  duplex(): void {}
  each(): void {}
}

/** Knows the usual form of a message, and says `undefined` to any other. */
interface QuickJson<Input extends DescMessage, Output extends DescMessage> {
  decode(body: Buffer): MessageShape<Input> | undefined;
  encode(message: MessageInitShape<Output>): string | undefined;
}

const sharedChecks = new SharedMessages<CheckRequest>();

const quickCheck: QuickJson<typeof CheckRequestSchema, typeof CheckResponseSchema> = {
  decode: (body) => {
    const shared = sharedChecks.find(body, 0, body.length);
    if (shared !== undefined) return shared;
    const request = isAscii(body) ? decodeCheckJson(body.toString("latin1")) : undefined;
    // What has a context seldom comes again.
    if (request !== undefined && request.context === undefined && isSlight(request)) {
      sharedChecks.offer(body, 0, body.length, request);
    }
    return request;
  },
  encode: encodeCheckJson,
};

function quickJsonOf<Input extends DescMessage, Output extends DescMessage>(
  method: DescMethodUnary<Input, Output>,
): QuickJson<Input, Output> | undefined {
  const known: DescMethodUnary = method;
  if (known !== AuthorizationService.method.check) return undefined;
  // The messages are those of the method just compared, which no checker can follow.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return quickCheck as unknown as QuickJson<Input, Output>;
}

/** Unknown names are refused in JSON: a mistyped `accesses` would be a check without any. */
function decode<Input extends DescMessage>(
  input: Input,
  body: Buffer,
  format: BodyFormat,
): MessageShape<Input> {
  try {
    switch (format) {
      case "json":
        return fromJsonString(input, strictUtf8.decode(body));
      case "proto":
        return fromBinary(input, body);
    }
  } catch (cause) {
    const why = cause instanceof Error ? `: ${quote(cause.message)}` : "";
    throw new DomainError("malformed", `the body is no \`${input.typeName}\` in ${format}${why}`, {
      cause,
    });
  }
}

function encode<Output extends DescMessage>(
  output: Output,
  message: MessageInitShape<Output>,
  format: BodyFormat,
): Uint8Array | string {
  const made = create(output, message);
  switch (format) {
    case "json":
      return toJsonString(output, made);
    case "proto":
      return toBinary(output, made);
  }
}
