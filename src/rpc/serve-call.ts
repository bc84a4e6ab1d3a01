import { Code } from "@connectrpc/connect";
import type { ConnectionCounts, Ticket } from "./admission.ts";
import type { Peer } from "./authenticate.ts";
import type { CallHead, CallStream } from "./call-stream.ts";
import { Http2Call, type CallLimits } from "./http2-call.ts";
import { echoed, wireStatus } from "./http2-status.ts";
import type { Http2Transport } from "./http2-transport.ts";

/** What is no gRPC is answered by whoever knows HTTP. */
export function isGrpc({ contentType }: CallHead): boolean {
  return contentType?.startsWith("application/grpc") === true;
}

/** Lets a call in, and gives it to whoever serves its path. */
export function serveCall(
  transport: Http2Transport,
  limits: CallLimits,
  counts: ConnectionCounts,
  peer: Peer | undefined,
  stream: CallStream,
  head: CallHead,
): void {
  const route = transport.find(head.path);
  if (route === undefined) {
    const message = `The server does not implement the method ${echoed(head.path)}`;
    stream.finish({ status: Code.Unimplemented, message });
    stream.ignore();
    return;
  }
  let ticket: Ticket | undefined;
  try {
    ticket = route.gate?.enter(counts);
  } catch (error) {
    stream.finish(wireStatus(error));
    stream.ignore();
    return;
  }
  const call = new Http2Call(stream, head, route.limits ?? limits, peer, ticket);
  if (!call.isOver) route.serve(call);
}
