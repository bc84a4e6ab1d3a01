import { create, type JsonObject, type MessageInitShape } from "@bufbuild/protobuf";
import {
  ReasonSchema,
  VerdictSchema,
  type Access,
  CheckRequestSchema,
  type CheckRequest,
  type CheckResponseSchema,
} from "../gen/prokura/v1/authorization_pb.ts";
import type { Object$ as ObjectProto } from "../gen/prokura/v1/core_pb.ts";

/**
 * Reads a check in its usual form; `undefined` to any other, which somebody slower reads or refuses.
 * Text that is not written just as it would be written again may name something twice: it is unusual.
 */
export function decodeCheckJson(text: string): CheckRequest | undefined {
  const parsed = parseAsWritten(text);
  if (parsed === undefined) return undefined;
  const request = create(CheckRequestSchema);
  for (const name of Object.keys(parsed)) {
    if (!readField(request, name, parsed[name])) return undefined;
  }
  return request;
}

function parseAsWritten(text: string): JsonObject | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    return isObject(parsed) && JSON.stringify(parsed) === text ? parsed : undefined;
  } catch {
    return undefined; // No JSON, or too deep: whoever reads it next says which.
  }
}

function readField(request: CheckRequest, name: string, value: unknown): boolean {
  switch (name) {
    case "tenant":
    case "delegationId":
      if (typeof value !== "string") return false;
      request[name] = value;
      return true;
    case "partialChain":
    case "explain":
      if (typeof value !== "boolean") return false;
      request[name] = value;
      return true;
    case "principal":
    case "tool":
    case "session":
      request[name] = readObject(value);
      return request[name] !== undefined;
    case "actors":
      return readAll(value, readObject, request.actors);
    case "accesses":
      return readAll(value, readAccess, request.accesses);
    case "context":
      if (!isObject(value)) return false;
      request.context = value;
      return true;
    default:
      return false;
  }
}

function readAll<Element>(
  value: unknown,
  read: (element: unknown) => Element | undefined,
  into: Element[],
): boolean {
  if (!Array.isArray(value)) return false;
  for (const one of value) {
    const element = read(one);
    if (element === undefined) return false;
    into.push(element);
  }
  return true;
}

function readObject(value: unknown): ObjectProto | undefined {
  if (!isObject(value)) return undefined;
  const { type = "", id = "", ...others } = value;
  if (typeof type !== "string" || typeof id !== "string" || !isEmpty(others)) return undefined;
  return { $typeName: "prokura.v1.Object", type, id };
}

function readAccess(value: unknown): Access | undefined {
  if (!isObject(value)) return undefined;
  const { resource: named, role = "", permission = "", ...others } = value;
  if (typeof role !== "string" || typeof permission !== "string" || !isEmpty(others)) {
    return undefined;
  }
  const resource = named === undefined ? undefined : readObject(named);
  if (named !== undefined && resource === undefined) return undefined;
  return { $typeName: "prokura.v1.Access", resource, role, permission };
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isEmpty(value: object): boolean {
  for (const _name in value) return false;
  return true;
}

/** Writes an answer in its usual form; `undefined` to any other. */
export function encodeCheckJson(
  message: MessageInitShape<typeof CheckResponseSchema>,
): string | undefined {
  const { explanation, obligations, usesLeft, definitionHash, validUntil } = message;
  if (explanation !== undefined || obligations !== undefined) return undefined;
  if (usesLeft !== undefined || definitionHash !== undefined) return undefined;
  const { verdict = 0, reason = 0, detail = "", delegationIds = [], missingContext = [] } = message;
  const until = validUntil === undefined ? undefined : timeText(validUntil);
  if (validUntil !== undefined && until === undefined) return undefined;
  return JSON.stringify({
    verdict: verdict === 0 ? undefined : VerdictSchema.value[verdict]?.name,
    reason: reason === 0 ? undefined : ReasonSchema.value[reason]?.name,
    detail: detail === "" ? undefined : detail,
    delegationIds: delegationIds.length === 0 ? undefined : delegationIds,
    token: message.token === "" ? undefined : message.token,
    validUntil: until,
    decisionId: message.decisionId === "" ? undefined : message.decisionId,
    missingContext: missingContext.length === 0 ? undefined : missingContext,
    modelId: message.modelId === "" ? undefined : message.modelId,
  });
}

const secondsMax = 253_402_300_799;

/** Of whole milliseconds, as all our times are, in the years that protobuf has. */
function timeText({
  seconds = 0n,
  nanos = 0,
}: NonNullable<MessageInitShape<typeof CheckResponseSchema>["validUntil"]>): string | undefined {
  const whole = Number(seconds);
  if (whole < 0 || whole > secondsMax || nanos < 0 || nanos % 1_000_000 !== 0) return undefined;
  return new Date(whole * 1000 + nanos / 1_000_000).toISOString().replace(".000Z", "Z");
}
