import {
  create,
  fromBinary,
  toBinary,
  type DescMessage,
  type MessageInitShape,
  type MessageShape,
} from "@bufbuild/protobuf";
import { DomainError } from "../core/error.ts";
import { frameMessage } from "./grpc-framing.ts";

/** From bytes to messages and back, the answers framed for gRPC. */
export interface Codec<Input extends DescMessage, Output extends DescMessage> {
  /** Fails with `malformed`. */
  decode(bytes: Buffer): MessageShape<Input>;
  encode(message: MessageInitShape<Output>): Buffer;
}

/** The codec of a method. */
export function codecOf<Input extends DescMessage, Output extends DescMessage>(method: {
  readonly input: Input;
  readonly output: Output;
}): Codec<Input, Output> {
  const { input, output } = method;
  return {
    decode: (bytes) => {
      try {
        return fromBinary(input, bytes);
      } catch (cause) {
        throw new DomainError("malformed", `the message is no \`${input.typeName}\``, { cause });
      }
    },
    encode: (message) => frameMessage(toBinary(output, create(output, message))),
  };
}
