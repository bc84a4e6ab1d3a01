import type { MessageInitShape } from "@bufbuild/protobuf";
import type { RevisionChange } from "../core/change.ts";
import { parseName } from "../core/object.ts";
import {
  TupleChangeKind,
  type RevisionChangesSchema,
  type TupleChangeSchema,
  type WatchRequest as WatchRequestProto,
  type WatchResponseSchema,
} from "../gen/prokura/v1/tuple_pb.ts";
import type { WatchEvent, WatchRequest } from "../service/tuples.ts";
import { delegationIdFromProto } from "./delegations.ts";
import { atMost } from "./field.ts";
import { contractLimits } from "./limits.ts";
import { objectFromProto, optionalObjectFromProto, tupleToProto } from "./nouns.ts";
import { tokenFromProto } from "./request.ts";
import { timestampToProto } from "./time.ts";

type EventProto = MessageInitShape<typeof WatchResponseSchema>;
type ChangesProto = MessageInitShape<typeof RevisionChangesSchema>;

export function watchFromProto(request: WatchRequestProto): WatchRequest {
  const { token, objectTypes, objects, delegationId } = request;
  atMost(objectTypes.length, contractLimits.watchedTypes, "object_types");
  atMost(objects.length, contractLimits.watchedObjects, "objects");
  const principal = optionalObjectFromProto(request.principal, "principal");
  return {
    token: token === "" ? token : tokenFromProto(token, "token"),
    types: objectTypes.map((type, index) => parseName(type, `object_types[${index}]`)),
    objects: objects.map((object, index) => objectFromProto(object, `objects[${index}]`)),
    ...(principal === undefined ? {} : { principal }),
    ...(delegationId === ""
      ? {}
      : { delegationId: delegationIdFromProto(delegationId, "delegation_id") }),
  };
}

export async function* watchEventsToProto(
  events: AsyncIterable<WatchEvent>,
): AsyncGenerator<EventProto> {
  for await (const event of events) {
    switch (event.kind) {
      case "change":
        for (const value of changesToProto(event.change, event.token)) {
          yield { event: { case: "changes", value } };
        }
        break;
      case "heartbeat":
        yield { event: { case: "heartbeat", value: { token: event.token } } };
        break;
      case "resync_required":
        yield { event: { case: "resyncRequired", value: { token: event.token } } };
        break;
    }
  }
}

/** A revision that is too large for one message comes in several; only the last one has the token. */
export function changesToProto(change: RevisionChange, token: string): ChangesProto[] {
  const tuples: MessageInitShape<typeof TupleChangeSchema>[] = [
    ...change.deleted.map((tuple) => ({
      kind: TupleChangeKind.DELETED,
      tuple: tupleToProto(tuple),
    })),
    ...change.created.map((tuple) => ({
      kind: TupleChangeKind.CREATED,
      tuple: tupleToProto(tuple),
    })),
  ];
  const shared = {
    committedAt: timestampToProto(change.committedAtMs),
    callerId: change.callerId,
    reason: change.reason,
    operation: change.operation,
    modelId: change.modelId ?? "",
  };
  const size = contractLimits.watchedTuplesPerMessage;
  const messages = Math.max(1, Math.ceil(tuples.length / size));
  return Array.from({ length: messages }, (_, index) => ({
    ...shared,
    token: index === messages - 1 ? token : "",
    continued: index < messages - 1,
    tuples: tuples.slice(index * size, (index + 1) * size),
  }));
}
