import { create, toBinary, type DescMessage, type MessageInitShape } from "@bufbuild/protobuf";

/** A message as the load generator takes it. */
export function encoded<Schema extends DescMessage>(
  schema: Schema,
  message: MessageInitShape<Schema>,
): string {
  return Buffer.from(toBinary(schema, create(schema, message))).toString("base64");
}
