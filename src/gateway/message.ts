import {
  JSONRPCMessageSchema,
  type JSONRPCErrorResponse,
  type JSONRPCMessage,
  type RequestId,
} from "@modelcontextprotocol/sdk/types.js";
import { isObject, parseJson } from "./json.ts";

/** What came in is no JSON-RPC message. */
export class MessageError extends Error {
  readonly code: number;
  /** Of the request, where it had one that can be answered. */
  readonly id: RequestId | undefined;

  constructor(code: number, message: string, facts: { id?: RequestId; cause?: unknown } = {}) {
    super(message, { cause: facts.cause });
    this.name = "MessageError";
    this.code = code;
    this.id = facts.id;
  }
}

/**
 * The codes that an agent sees. Those for denied and unavailable are the gateway's own, out of the
 * range that is left to servers; -32001 is avoided because SDKs read it as a timeout, and may retry.
 */
export const rpcCodes = {
  parseError: -32_700,
  invalidRequest: -32_600,
  methodNotFound: -32_601,
  serverError: -32_000,
  denied: -32_003,
  unavailable: -32_053,
} as const;

/**
 * Parses one message, strictly. Batches are refused (the protocol has none since 2025-06-18), as are
 * ids that are not text or a whole number, and members that JSON-RPC does not have.
 */
export function parseMessage(text: string): JSONRPCMessage {
  let value: unknown;
  try {
    value = parseJson(text);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new MessageError(rpcCodes.parseError, `the message is not valid JSON: ${why}`, { cause });
  }
  if (Array.isArray(value)) {
    throw new MessageError(rpcCodes.invalidRequest, "batches are not taken, send one at a time");
  }
  const parsed = JSONRPCMessageSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const id = answerableId(value);
  throw new MessageError(
    rpcCodes.invalidRequest,
    "the message is not a JSON-RPC 2.0 request, notification or response",
    id === undefined ? {} : { id },
  );
}

function answerableId(value: unknown): RequestId | undefined {
  if (!isObject(value) || !("method" in value)) return undefined;
  const id = value["id"];
  return typeof id === "string" || (typeof id === "number" && Number.isInteger(id))
    ? id
    : undefined;
}

export function errorResponse(
  id: RequestId,
  code: number,
  message: string,
  data?: object,
): JSONRPCErrorResponse {
  return { jsonrpc: "2.0", id, error: { code, message, ...(data === undefined ? {} : { data }) } };
}

/** The text of an error response; where the id is not known it is null, as JSON-RPC has it. */
export function formatMessageError(error: MessageError): string {
  const { code, message, id } = error;
  return JSON.stringify({ jsonrpc: "2.0", id: id ?? null, error: { code, message } });
}
