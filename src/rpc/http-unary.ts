import type { IncomingMessage, ServerResponse } from "node:http";
import type { Code } from "@connectrpc/connect";
import { codeToHttpStatus, errorToJsonBytes } from "@connectrpc/connect/protocol-connect";
import { DomainError } from "../core/error.ts";
import type { Authenticate } from "./authenticate.ts";
import { CallEnd } from "./call.ts";
import { connectErrorFrom } from "./connect-error.ts";
import type { BodyFormat, UnaryRoute } from "./connect-unary.ts";
import type { TransportLimits } from "./limits.ts";
import { peerOf } from "./peer.ts";
import type { ReportBug } from "./stream-check.ts";

/** What one unary call over HTTP needs to know of its server. */
export interface HttpServing {
  readonly authenticate: Authenticate;
  readonly limits: Pick<TransportLimits, "messageBytesMax">;
  readonly reportBug: ReportBug;
}

const contentTooLarge = 413;

/** The format of a unary call's body; `undefined` for streams and gRPC-Web. */
export function bodyFormatOf(request: IncomingMessage): BodyFormat | undefined {
  // A compressed body is the router's.
  if ((request.headers["content-encoding"] ?? "identity") !== "identity") return undefined;
  const match = /^application\/(json|proto)(;|$)/i.exec(request.headers["content-type"] ?? "");
  const format = match?.[1]?.toLowerCase();
  return format === "json" || format === "proto" ? format : undefined;
}

/** Reads the body, asks the route, and answers in one piece. Tells the status that was sent. */
export async function answerUnary(
  serving: HttpServing,
  request: IncomingMessage,
  response: ServerResponse,
  route: UnaryRoute,
  format: BodyFormat,
): Promise<Code | "ok"> {
  let end: CallEnd | undefined;
  let timer: NodeJS.Timeout | undefined;
  try {
    const deadlineMs = deadlineOf(request);
    end = new CallEnd(Date.now() + (deadlineMs ?? Infinity));
    const call = end;
    response.once("close", () => call.leave());
    // Before the body is read: whoever is nobody fills no memory.
    const known = serving.authenticate(request.headers.authorization, peerOf(request.socket));
    const caller = known instanceof Promise ? await known : known;
    const { messageBytesMax } = serving.limits;
    const body = await readBody(request, messageBytesMax);
    if (body === undefined) {
      const problem = `the body has over ${messageBytesMax} bytes`;
      const error = new DomainError("limit_exceeded", problem);
      return sendError(response, error, serving.reportBug, contentTooLarge);
    }
    const expired = new Promise<never>((_, reject) => {
      if (deadlineMs === undefined) return;
      timer = setTimeout(() => {
        call.leave();
        reject(call.reason ?? new Error("a call that was left has a reason"));
      }, deadlineMs);
    });
    const answer = route(body, format, {
      caller,
      get signal() {
        return call.signal;
      },
      ...(deadlineMs === undefined ? {} : { deadlineMs }),
    });
    const bytes = answer instanceof Promise ? await Promise.race([answer, expired]) : answer;
    response.writeHead(200, {
      "content-type": `application/${format}`,
      "content-length": Buffer.byteLength(bytes),
    });
    response.end(bytes);
    return "ok";
  } catch (error) {
    return sendError(response, end?.reason ?? error, serving.reportBug);
  } finally {
    clearTimeout(timer);
  }
}

/** Answers with an error in the form that Connect's clients read. */
export function sendError(
  response: ServerResponse,
  thrown: unknown,
  reportBug: ReportBug,
  httpStatus?: number,
): Code {
  const error = connectErrorFrom(thrown, reportBug);
  const body = errorToJsonBytes(error, {});
  response.writeHead(httpStatus ?? codeToHttpStatus(error.code), {
    "content-type": "application/json",
    "content-length": body.byteLength,
    "prokura-code": error.metadata.get("prokura-code") ?? "",
    ...retryHeader(thrown),
    // What is left of a body that was not read would be taken for the next request.
    ...(response.req.complete ? {} : { connection: "close" }),
  });
  response.end(body);
  return error.code;
}

/** In whole seconds, as the header has it. */
function retryHeader(thrown: unknown): { readonly "retry-after"?: string } {
  const afterMs = thrown instanceof DomainError ? thrown.facts.retryAfterMs : undefined;
  return afterMs === undefined ? {} : { "retry-after": String(Math.ceil(afterMs / 1_000)) };
}

/** Milliseconds; `undefined` where the client waits for ever. */
function deadlineOf(request: IncomingMessage): number | undefined {
  const text = request.headers["connect-timeout-ms"];
  if (text === undefined) return undefined;
  if (typeof text !== "string" || !/^[0-9]{1,10}$/.test(text)) {
    throw new DomainError("malformed", "connect-timeout-ms must have one to ten digits");
  }
  // A timer that is set for longer fires at once.
  return Math.min(Number(text), 2 ** 31 - 1);
}

/** `undefined` where it is larger than `bytesMax`, which is known before all of it is read. */
async function readBody(request: IncomingMessage, bytesMax: number): Promise<Buffer | undefined> {
  if (Number(request.headers["content-length"] ?? 0) > bytesMax) return undefined;
  return await new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    request.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= bytesMax) chunks.push(chunk);
      else {
        request.pause();
        resolve(undefined);
      }
    });
    request.once("end", () => resolve(Buffer.concat(chunks, bytes)));
    request.once("error", reject);
    request.once("close", () =>
      reject(new DomainError("cancelled", "the client left before its body had arrived")),
    );
  });
}
