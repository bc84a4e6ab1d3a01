import {
  create,
  fromBinary,
  toBinary,
  type DescMessage,
  type DescMethod,
  type MessageInitShape,
  type MessageShape,
} from "@bufbuild/protobuf";
import { DomainError } from "../core/error.ts";
import { AuthorizationService } from "../gen/prokura/v1/authorization_pb.ts";
import {
  decodeBatchCheck,
  decodeCheck,
  decodeCheckRelation,
  decodeStreamCheck,
} from "./check-decoder.ts";
import {
  encodeBatchCheck,
  encodeCheck,
  encodeCheckRelation,
  encodeStreamCheck,
} from "./check-encoder.ts";
import { frameMessage } from "./grpc-framing.ts";

/** From bytes to messages and back, the answers framed for gRPC. */
export interface Codec<Input extends DescMessage, Output extends DescMessage> {
  /** Fails with `malformed`. */
  decode(bytes: Buffer): MessageShape<Input>;
  encode(message: MessageInitShape<Output>): Buffer;
}

/** The codec of a method: for checks a quick one, as far as that goes. */
export function codecOf<Input extends DescMessage, Output extends DescMessage>(
  method: DescMethod & { readonly input: Input; readonly output: Output },
): Codec<Input, Output> {
  const { input, output } = method;
  const quick = quickCodecOf<Input, Output>(method);
  return {
    decode: (bytes) => quick?.decode(bytes) ?? decode(input, bytes),
    encode: (message) =>
      quick?.encode(message) ?? frameMessage(toBinary(output, create(output, message))),
  };
}

/** Knows the usual form of a message, and says `undefined` to any other. */
interface QuickCodec<Input extends DescMessage, Output extends DescMessage> {
  decode(bytes: Buffer): MessageShape<Input> | undefined;
  encode(message: MessageInitShape<Output>): Buffer | undefined;
}

function quickCodecOf<Input extends DescMessage, Output extends DescMessage>(
  method: DescMethod,
): QuickCodec<Input, Output> | undefined {
  // That a method's codec is of its messages stands in the table below, which no checker can follow.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return quickCodecs.get(method) as QuickCodec<Input, Output> | undefined;
}

const { check, batchCheck, streamCheck, checkRelation } = AuthorizationService.method;
const quickCodecs = new Map<DescMethod, unknown>([
  entry(check, { decode: decodeCheck, encode: encodeCheck }),
  entry(batchCheck, { decode: decodeBatchCheck, encode: encodeBatchCheck }),
  entry(streamCheck, { decode: decodeStreamCheck, encode: encodeStreamCheck }),
  entry(checkRelation, { decode: decodeCheckRelation, encode: encodeCheckRelation }),
]);

/** An entry whose codec is not of the method's messages does not compile. */
function entry<Input extends DescMessage, Output extends DescMessage>(
  method: DescMethod & { readonly input: Input; readonly output: Output },
  codec: QuickCodec<Input, Output>,
): readonly [DescMethod, unknown] {
  return [method, codec];
}

function decode<Input extends DescMessage>(input: Input, bytes: Buffer): MessageShape<Input> {
  try {
    return fromBinary(input, bytes);
  } catch (cause) {
    throw new DomainError("malformed", `the message is no \`${input.typeName}\``, { cause });
  }
}
