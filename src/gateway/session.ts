import { setTimeout as wait } from "node:timers/promises";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import {
  isJSONRPCNotification,
  isJSONRPCRequest,
  isJSONRPCResultResponse,
  type JSONRPCErrorResponse,
  type JSONRPCMessage,
  type JSONRPCNotification,
  type JSONRPCRequest,
  type JSONRPCResultResponse,
  type RequestId,
} from "@modelcontextprotocol/sdk/types.js";
import type { Freshness } from "./authorization.ts";
import {
  filterTools,
  ruleMethod,
  ruleToolCall,
  unavailable,
  type Enforcement,
  type Ruling,
} from "./enforcement.ts";
import type { GatewayConfig } from "./gateway-config.ts";
import { offeredCapabilities, withListChanged } from "./handshake.ts";
import { isObject } from "./json.ts";
import { errorResponse, rpcCodes } from "./message.ts";
import { agentNotifications, serverNotifications, treatmentOf } from "./method.ts";
import type { Authenticated } from "./token.ts";

/** Both ends, and the rules between them. */
export interface SessionParts extends Enforcement {
  readonly agent: Transport;
  readonly upstream: Transport;
  readonly config: GatewayConfig;
}

/** A request of the agent that is not answered yet. */
interface Pending {
  readonly request: JSONRPCRequest;
  readonly abort: AbortController;
  /** Only a request that was forwarded can be answered by the server. */
  forwarded: boolean;
}

type Response = JSONRPCResultResponse | JSONRPCErrorResponse;

const watchPauseMs = 1_000;
const watchPauseMsMax = 30_000;

/**
 * Relays one agent to one server behind the gateway, each with a connection of its own, so that no
 * answer can reach another agent. A message that is neither known nor expected goes nowhere.
 */
export class Session {
  /** Called once, when either end is gone. */
  onclose: (() => void) | undefined;

  /** Until when unasked messages may go to the agent: its token ends then. */
  #authenticatedUntilMs: number = Number.POSITIVE_INFINITY;
  #parts: SessionParts;
  readonly #pending: Map<RequestId, Pending> = new Map();
  /** Ids of the server's requests that the agent has not answered yet. */
  readonly #serverRequests: Set<RequestId> = new Set();
  readonly #closing: AbortController = new AbortController();
  #freshness: Freshness = {};
  #initialized = false;
  #watching = false;
  #listed = false;

  constructor(parts: SessionParts) {
    this.#parts = parts;
  }

  /** The same agent came with another token, which counts from now on. */
  renew({ identity: { token }, untilMs }: Authenticated): void {
    this.#authenticatedUntilMs = untilMs;
    if (token === undefined) return;
    this.#parts = { ...this.#parts, identity: { ...this.#parts.identity, token } };
  }

  /** Connects the server, then the agent. Rejects if the server cannot be started. */
  async start(): Promise<void> {
    const { agent, upstream, log } = this.#parts;
    agent.onmessage = (message) => this.#fromAgent(message);
    agent.onclose = () => void this.close();
    agent.onerror = (error) => log.debug({ error }, "agent connection");
    upstream.onmessage = (message) => this.#fromServer(message);
    upstream.onclose = () => void this.close();
    upstream.onerror = (error) => log.warn({ error }, "server connection");
    await upstream.start();
    await agent.start();
  }

  /** Answers what is pending with an error and closes both ends. May be called more than once. */
  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    const { agent, upstream } = this.#parts;
    const cause = new Error("the server behind the gateway is gone");
    const answers = [...this.#pending.values()].map(({ request, abort }) => {
      abort.abort();
      return this.#toAgent(unavailable(request, cause));
    });
    await Promise.allSettled(answers);
    this.#pending.clear();
    await Promise.allSettled([upstream.close(), agent.close()]);
    this.onclose?.();
  }

  #fromAgent(message: JSONRPCMessage): void {
    if (isJSONRPCRequest(message)) this.#requestFromAgent(message);
    else if (isJSONRPCNotification(message)) this.#notificationFromAgent(message);
    else if (message.id !== undefined && this.#serverRequests.delete(message.id)) {
      this.#toServer(message);
    }
  }

  #requestFromAgent(request: JSONRPCRequest): void {
    const refusal = this.#refusalOf(request);
    if (refusal !== undefined) {
      void this.#toAgent(errorResponse(request.id, rpcCodes.invalidRequest, refusal));
      return;
    }
    const pending = { request, abort: new AbortController(), forwarded: false };
    this.#pending.set(request.id, pending);
    void this.#rule(request, pending.abort.signal).then((ruling) => this.#apply(pending, ruling));
  }

  #refusalOf(request: JSONRPCRequest): string | undefined {
    if (this.#pending.has(request.id)) return "the id is that of a request in flight";
    if (this.#pending.size >= this.#parts.config.limits.inFlightMax) {
      return "too many requests are in flight, wait for an answer";
    }
    if (request.method !== "initialize") return undefined;
    if (this.#initialized) return "the session is open already";
    this.#initialized = true;
    return undefined;
  }

  async #rule(request: JSONRPCRequest, signal: AbortSignal): Promise<Ruling> {
    switch (treatmentOf(request.method)) {
      case "initialize":
        return { kind: "forward", request: offeredCapabilities(request, this.#parts.config) };
      case "pass":
      case "filter_tools":
        return { kind: "forward", request };
      case "call_tool":
        return await ruleToolCall(this.#parts, request, signal);
      case "call_method":
        return await ruleMethod(this.#parts, request, signal);
      case "unknown":
        return {
          kind: "answer",
          response: errorResponse(
            request.id,
            rpcCodes.methodNotFound,
            "the gateway does not know this method, so it lets it through to nobody",
            { reason: "method_unknown" },
          ),
        };
    }
  }

  #apply(pending: Pending, ruling: Ruling): void {
    // Cancelled while it was being decided: nothing is forwarded, and nobody waits for an answer.
    if (this.#pending.get(pending.request.id) !== pending) return;
    switch (ruling.kind) {
      case "forward":
        pending.forwarded = true;
        this.#toServer(ruling.request);
        break;
      case "answer":
        this.#answer(pending, ruling.response);
        break;
    }
  }

  #notificationFromAgent(notification: JSONRPCNotification): void {
    if (!agentNotifications.has(notification.method)) return;
    if (notification.method === "notifications/cancelled" && !this.#cancel(notification)) return;
    this.#toServer(notification);
    if (notification.method === "notifications/initialized") void this.#watchTools();
  }

  /** Returns whether the server knows of the request. */
  #cancel(notification: JSONRPCNotification): boolean {
    const id = notification.params?.["requestId"];
    if (typeof id !== "string" && typeof id !== "number") return false;
    const pending = this.#pending.get(id);
    if (pending === undefined) return false;
    this.#pending.delete(id);
    pending.abort.abort();
    return pending.forwarded;
  }

  #fromServer(message: JSONRPCMessage): void {
    if (isJSONRPCRequest(message)) this.#requestFromServer(message);
    else if (isJSONRPCNotification(message)) this.#notificationFromServer(message);
    else void this.#responseFromServer(message);
  }

  async #responseFromServer(response: Response): Promise<void> {
    if (response.id === undefined) return;
    const pending = this.#pending.get(response.id);
    if (pending === undefined || !pending.forwarded) return;
    const answer = isJSONRPCResultResponse(response)
      ? await this.#shape(pending, response)
      : response;
    this.#answer(pending, answer);
  }

  async #shape(pending: Pending, response: JSONRPCResultResponse): Promise<Response> {
    const { request, abort } = pending;
    switch (treatmentOf(request.method)) {
      case "initialize": {
        const version = response.result["protocolVersion"];
        if (typeof version === "string") this.#parts.upstream.setProtocolVersion?.(version);
        return withListChanged(response);
      }
      case "filter_tools":
        this.#listed = true;
        return await filterTools(this.#parts, request, response, this.#freshness, abort.signal);
      case "pass":
      case "call_tool":
      case "call_method":
      case "unknown":
        return response;
    }
  }

  #answer(pending: Pending, response: Response): void {
    if (this.#pending.get(pending.request.id) !== pending) return;
    this.#pending.delete(pending.request.id);
    void this.#toAgent(response);
  }

  #requestFromServer(request: JSONRPCRequest): void {
    const known =
      request.method === "ping" || this.#parts.config.serverRequests.has(request.method);
    if (!known || this.#serverRequests.size >= this.#parts.config.limits.inFlightMax) {
      this.#toServer(
        errorResponse(request.id, rpcCodes.methodNotFound, "the gateway does not pass this on"),
      );
      return;
    }
    this.#serverRequests.add(request.id);
    void this.#unasked(request);
  }

  #notificationFromServer(notification: JSONRPCNotification): void {
    if (serverNotifications.has(notification.method)) void this.#unasked(notification);
  }

  /**
   * Sends what the agent did not ask for. Beside the answer it belongs to, where a progress token says
   * so; else what comes from the server goes beside the latest call in flight, since that is most
   * likely what it is about, and an agent need not keep a stream open for anything else.
   */
  async #unasked(message: JSONRPCRequest | JSONRPCNotification): Promise<void> {
    if (Date.now() > this.#authenticatedUntilMs) return;
    const inFlight = [...this.#pending.values()].filter(({ forwarded }) => forwarded);
    const token = message.params?.["progressToken"];
    const related =
      token === undefined
        ? inFlight.at(-1)
        : inFlight.find(({ request }) => request.params?._meta?.progressToken === token);
    await this.#toAgent(message, message === toolsChanged ? undefined : related?.request.id);
  }

  /** Tells the agent that its tools may be others now, for as long as the session lasts. */
  async #watchTools(): Promise<void> {
    if (this.#watching) return;
    this.#watching = true;
    const { authorization, log } = this.#parts;
    const { signal } = this.#closing;
    let pauseMs = watchPauseMs;
    while (!signal.aborted) {
      try {
        for await (const freshness of authorization.watchTools(this.#parts.identity, signal)) {
          this.#freshness = freshness;
          pauseMs = watchPauseMs;
          // Also on the first event: the list may have been answered before the watch began, or have
          // changed while it was interrupted.
          if (this.#listed) await this.#unasked(toolsChanged);
        }
      } catch (cause) {
        if (signal.aborted) return;
        log.warn({ error: cause }, "watching tools was interrupted");
        if (isObject(cause) && cause["code"] === "not_supported") return;
      }
      await wait(pauseMs, undefined, { signal, ref: false }).catch(() => undefined);
      pauseMs = Math.min(2 * pauseMs, watchPauseMsMax);
    }
  }

  async #toAgent(message: JSONRPCMessage, relatedRequestId?: RequestId): Promise<void> {
    try {
      await this.#parts.agent.send(message, { relatedRequestId });
    } catch (error) {
      this.#parts.log.debug({ error }, "not delivered to the agent");
    }
  }

  #toServer(message: JSONRPCMessage): void {
    this.#parts.upstream.send(message).catch((cause: unknown) => {
      this.#parts.log.warn({ error: cause }, "not delivered to the server");
      if (!isJSONRPCRequest(message)) return;
      const pending = this.#pending.get(message.id);
      if (pending !== undefined) this.#answer(pending, unavailable(pending.request, cause));
    });
  }
}

const toolsChanged: JSONRPCNotification = {
  jsonrpc: "2.0",
  method: "notifications/tools/list_changed",
};
