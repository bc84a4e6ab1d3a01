import { createRegistry, toJson, type JsonValue, type Message } from "@bufbuild/protobuf";
import { file_prokura_v1_admin } from "../gen/prokura/v1/admin_pb.ts";
import { file_prokura_v1_audit } from "../gen/prokura/v1/audit_pb.ts";
import { file_prokura_v1_authorization } from "../gen/prokura/v1/authorization_pb.ts";
import { file_prokura_v1_core } from "../gen/prokura/v1/core_pb.ts";
import { file_prokura_v1_delegation } from "../gen/prokura/v1/delegation_pb.ts";
import { file_prokura_v1_model } from "../gen/prokura/v1/model_pb.ts";
import { file_prokura_v1_tuple } from "../gen/prokura/v1/tuple_pb.ts";
import { ApiError } from "./api-error.ts";

const registry = createRegistry(
  file_prokura_v1_core,
  file_prokura_v1_authorization,
  file_prokura_v1_delegation,
  file_prokura_v1_tuple,
  file_prokura_v1_model,
  file_prokura_v1_audit,
  file_prokura_v1_admin,
);

/**
 * An answer in the JSON form of protobuf, as the JSON port sends it, but with `false`, 0 and empty
 * lists written out: a script should not have to know what is left out.
 */
export function messageToJson(message: Message): JsonValue {
  const schema = registry.getMessage(message.$typeName);
  if (schema === undefined) {
    throw new ApiError("internal", `\`${message.$typeName}\` is no message of the contract`);
  }
  return toJson(schema, message, { alwaysEmitImplicit: true, registry });
}
