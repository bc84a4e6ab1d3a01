import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { create, toBinary } from "@bufbuild/protobuf";
import { CheckRequestSchema } from "../../../src/gen/prokura/v1/authorization_pb.ts";
import { H2Connection } from "../../../src/rpc/h2/h2-connection.ts";
import type { H2Stream } from "../../../src/rpc/h2/h2-stream.ts";
import { encodeFields } from "../../../src/rpc/h2/header-block.ts";
import { allowed } from "../decisions.ts";
import { refusingUseCases } from "../refusing-use-cases.ts";
import { serve, type TestServer } from "../serving.ts";
import { frame, FrameClient, number } from "./frame-client.ts";

export const path: string = "/prokura.v1.AuthorizationService/Check";
export const request: readonly (readonly [string, string])[] = [
  [":method", "POST"],
  [":scheme", "http"],
  [":path", path],
  ["content-type", "application/grpc"],
  ["te", "trailers"],
];
const check = create(CheckRequestSchema, {
  principal: { type: "user", id: "alice" },
  actors: [{ type: "agent", id: "mailbot" }],
  tool: { type: "tool", id: "gmail/send" },
});
export const message: Buffer = Buffer.concat([
  Buffer.from([0]),
  number(toBinary(CheckRequestSchema, check).length),
  toBinary(CheckRequestSchema, check),
]);
export const endHeaders = 0x4;
export const endStream = 0x1;
export const type = {
  data: 0,
  headers: 1,
  reset: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  window: 8,
} as const;

export function headers(
  streamId: number,
  fields: readonly (readonly [string, string])[] = request,
  flags: number = endHeaders,
): Buffer {
  return frame(type.headers, flags, streamId, encodeFields(fields));
}

export function call(streamId: number): Buffer {
  return Buffer.concat([headers(streamId), frame(type.data, endStream, streamId, message)]);
}

export function changed(name: string, value: string): readonly (readonly [string, string])[] {
  return request.map(([key, old]) => [key, key === name ? value : old]);
}

export async function checking(limits: Parameters<typeof serve>[1] = {}): Promise<TestServer> {
  const { authorizer } = refusingUseCases({});
  return await serve({ authorizer: { ...authorizer, check: () => allowed } }, limits, "own");
}

/** A connection of its own, whose calls are handled so, and its client. */
export async function pair(
  handle: (stream: H2Stream) => void,
): Promise<readonly [() => H2Connection, FrameClient]> {
  const accepted = Promise.withResolvers<H2Connection>();
  const server = createServer((socket) => {
    const handler = { call: handle, closed: () => void server.close() };
    accepted.resolve(new H2Connection(socket, { streamsMax: 1000 }, handler));
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const address = server.address();
  assert(typeof address === "object" && address !== null);
  const client = await FrameClient.open(address.port);
  const connection = await accepted.promise;
  return [() => connection, client];
}

export async function answered(client: FrameClient, streamId: number): Promise<void> {
  const end = await client.until(
    (one) =>
      one.type === type.headers && one.streamId === streamId && (one.flags & endStream) !== 0,
  );
  assert.match(end?.payload.toString("latin1") ?? "", /grpc-status.0/s);
}

/** A field that goes into the table. */
export function literal(name: string, value: string): Buffer {
  return Buffer.concat([
    Buffer.from([0x40, name.length]),
    Buffer.from(name),
    Buffer.from([value.length]),
    Buffer.from(value),
  ]);
}
