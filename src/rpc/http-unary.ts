import type { IncomingMessage, ServerResponse } from "node:http";
import type { Code } from "@connectrpc/connect";
import { codeToHttpStatus, errorToJsonBytes } from "@connectrpc/connect/protocol-connect";
import { DomainError } from "../core/error.ts";
import type { Authenticate } from "./authenticate.ts";
import type { Caller } from "../core/caller.ts";
import { CallEnd, ScopedCall, type CallContext } from "./call.ts";
import { connectErrorFrom } from "./connect-error.ts";
import type { BodyFormat, UnaryRoute } from "./connect-unary.ts";
import type { TransportLimits } from "./limits.ts";
import { peerOf } from "./peer.ts";
import { traceIdOf } from "./trace-context.ts";
import type { ReportBug } from "./stream-check.ts";

/** What one unary call over HTTP needs to know of its server. */
export interface HttpServing {
  readonly authenticate: Authenticate;
  readonly limits: Pick<TransportLimits, "messageBytesMax">;
  readonly reportBug: ReportBug;
}

const contentTooLarge = 413;
const contentTypes = { json: "application/json", proto: "application/proto" } as const;
const noBytes: Buffer = Buffer.alloc(0);

/** An answer is true of its moment only. */
export const noStore = { "cache-control": "no-store" } as const;

/** The format of a unary call's body; `undefined` for streams and gRPC-Web. */
export function bodyFormatOf(request: IncomingMessage): BodyFormat | undefined {
  // A compressed body is the router's.
  if ((request.headers["content-encoding"] ?? "identity") !== "identity") return undefined;
  const match = /^application\/(json|proto)(;|$)/i.exec(request.headers["content-type"] ?? "");
  const format = match?.[1]?.toLowerCase();
  return format === "json" || format === "proto" ? format : undefined;
}

/** Reads the body, asks the route, and answers in one piece. `sent` is told the status, once. */
export function answerUnary(
  serving: HttpServing,
  request: IncomingMessage,
  response: ServerResponse,
  route: UnaryRoute,
  format: BodyFormat,
  sent: (status: Code | "ok") => void,
): void {
  new Exchange(serving, request, response, route, format, sent).begin();
}

/** One call over HTTP, from its head to its answer. It makes no promise where the route makes none. */
class Exchange {
  readonly #serving: HttpServing;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #route: UnaryRoute;
  readonly #format: BodyFormat;
  readonly #sent: (status: Code | "ok") => void;
  #end: CallEnd | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isOver = false;

  constructor(
    serving: HttpServing,
    request: IncomingMessage,
    response: ServerResponse,
    route: UnaryRoute,
    format: BodyFormat,
    sent: (status: Code | "ok") => void,
  ) {
    this.#serving = serving;
    this.#request = request;
    this.#response = response;
    this.#route = route;
    this.#format = format;
    this.#sent = sent;
  }

  begin(): void {
    const request = this.#request;
    try {
      const deadlineMs = deadlineOf(request);
      const end = new CallEnd(deadlineMs === undefined ? Infinity : Date.now() + deadlineMs);
      this.#end = end;
      this.#response.on("close", () => this.#left());
      if (deadlineMs !== undefined) {
        this.#timer = setTimeout(() => {
          end.leave();
          this.fail(end.reason);
        }, deadlineMs);
      }
      // Before the body is read: whoever is nobody fills no memory.
      const { authorization, traceparent } = request.headers;
      const traceId = traceIdOf(typeof traceparent === "string" ? traceparent : undefined);
      const caller = this.#serving.authenticate(authorization, peerOf(request.socket));
      const read = (known: Caller): void =>
        this.#read(new ScopedCall(known, end, deadlineMs, traceId));
      if (caller instanceof Promise) caller.then(read).catch(this.fail);
      else read(caller);
    } catch (error) {
      this.fail(error);
    }
  }

  readonly fail = (error: unknown, httpStatus?: number): void => {
    if (this.#isOver) return;
    this.#over(
      sendError(this.#response, this.#end?.reason ?? error, this.#serving.reportBug, httpStatus),
    );
  };

  #read(call: CallContext): void {
    const { messageBytesMax } = this.#serving.limits;
    if (this.#isOver) return;
    readBody(this.#request, messageBytesMax, {
      whole: (body) => this.#ask(body, call),
      tooLarge: () => {
        const problem = `the body has over ${messageBytesMax} bytes`;
        this.fail(new DomainError("limit_exceeded", problem), contentTooLarge);
      },
      failed: this.fail,
    });
  }

  #ask(body: Buffer, call: CallContext): void {
    try {
      const answer = this.#route(body, this.#format, call);
      if (answer instanceof Promise) answer.then((bytes) => this.#answer(bytes), this.fail);
      else this.#answer(answer);
    } catch (error) {
      this.fail(error);
    }
  }

  #answer(bytes: Uint8Array | string): void {
    if (this.#isOver) return;
    this.#response.writeHead(200, {
      "content-type": contentTypes[this.#format],
      "content-length": Buffer.byteLength(bytes),
      ...noStore,
    });
    this.#response.end(bytes);
    this.#over("ok");
  }

  #left(): void {
    clearTimeout(this.#timer);
    this.#end?.leave();
    if (this.#isOver || this.#request.complete) return;
    // Nobody is there to be told; whoever waits for the body must not.
    this.fail(new DomainError("cancelled", "the client left before its body had arrived"));
  }

  #over(status: Code | "ok"): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#sent(status);
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
    ...noStore,
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

interface BodyReader {
  whole(body: Buffer): void;
  tooLarge(): void;
  failed(error: unknown): void;
}

/** That a body is too large is known before all of it is read. */
function readBody(request: IncomingMessage, bytesMax: number, reader: BodyReader): void {
  if (Number(request.headers["content-length"] ?? 0) > bytesMax) {
    reader.tooLarge();
    return;
  }
  let first: Buffer | undefined;
  let more: Buffer[] | undefined;
  let bytes = 0;
  request.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > bytesMax) {
      request.pause();
      reader.tooLarge();
    } else if (first === undefined) first = chunk;
    else (more ??= [first]).push(chunk);
  });
  request.on("end", () =>
    reader.whole(more === undefined ? (first ?? noBytes) : Buffer.concat(more)),
  );
  request.on("error", (error) => reader.failed(error));
}
