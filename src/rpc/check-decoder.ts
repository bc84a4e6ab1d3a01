import {
  Mode,
  type Access,
  type BatchCheckRequest,
  type CheckItem,
  type CheckRelationRequest,
  type CheckRequest,
  type StreamCheckRequest,
} from "../gen/prokura/v1/authorization_pb.ts";
import type { Object$ as ObjectProto, Subject } from "../gen/prokura/v1/core_pb.ts";
import { SharedMessages } from "./shared-messages.ts";
import { WireReader } from "./wire-reader.ts";

// A tag is the number of the field times 8, and 2 for what has a length or 0 for a number. Where a
// message is not plain what these functions return is of no use, and `plain` throws it away.

// Whatever a message means, it means by its bytes: what was read from equal ones will do for all.
const sharedChecks = new SharedMessages<CheckRequest>();
const sharedItems = new SharedMessages<CheckItem>();
/** Actors and accesses of a message that is shared. */
const sharedPartsMax = 16;

export function decodeCheck(bytes: Buffer): CheckRequest | undefined {
  const shared = sharedChecks.find(bytes, 0, bytes.length);
  if (shared !== undefined) return shared;
  const request = readCheck(bytes);
  if (request !== undefined && isSlight(request)) {
    sharedChecks.offer(bytes, 0, bytes.length, request);
  }
  return request;
}

/** An empty part is two bytes, and fifty once it is read: a message of many is no small one to share. */
export function isSlight({ actors, accesses }: CallFields): boolean {
  return actors.length + accesses.length <= sharedPartsMax;
}

function readCheck(bytes: Buffer): CheckRequest | undefined {
  const reader = new WireReader(bytes);
  const request: CheckRequest = {
    $typeName: "prokura.v1.CheckRequest",
    tenant: "",
    principal: undefined,
    actors: [],
    tool: undefined,
    accesses: [],
    session: undefined,
    delegationId: "",
    partialChain: false,
    contextualTuples: [],
    explain: false,
    mode: Mode.UNSPECIFIED,
    // A token in place of names is read by somebody slower.
    bearerToken: "",
  };
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === 10) request.tenant = reader.text();
    else readCall(reader, tag, request);
  }
  return plain(reader, request);
}

export function decodeBatchCheck(bytes: Buffer): BatchCheckRequest | undefined {
  const reader = new WireReader(bytes);
  const items: CheckItem[] = [];
  let tenant = "";
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === 10) tenant = reader.text();
    else if (tag === 26) items.push(readItem(reader, bytes));
    else reader.refuse();
  }
  return plain(reader, { $typeName: "prokura.v1.BatchCheckRequest", tenant, items });
}

export function decodeStreamCheck(bytes: Buffer): StreamCheckRequest | undefined {
  const reader = new WireReader(bytes);
  const items: CheckItem[] = [];
  let tenant = "";
  let number = 0;
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === 10) tenant = reader.text();
    else if (tag === 26) items.push(readItem(reader, bytes));
    else if (tag === 32) number = reader.number();
    else reader.refuse();
  }
  const $typeName = "prokura.v1.StreamCheckRequest";
  return plain(reader, { $typeName, tenant, items, tag: BigInt(number) });
}

export function decodeCheckRelation(bytes: Buffer): CheckRelationRequest | undefined {
  const reader = new WireReader(bytes);
  const request: CheckRelationRequest = {
    $typeName: "prokura.v1.CheckRelationRequest",
    tenant: "",
    object: undefined,
    relation: "",
    subject: undefined,
    contextualTuples: [],
    explain: false,
  };
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === 10) request.tenant = reader.text();
    else if (tag === 26) request.object = readOnly(reader, request.object);
    else if (tag === 34) request.relation = reader.text();
    else if (tag === 42 && request.subject === undefined) request.subject = readSubject(reader);
    else if (tag === 64) request.explain = reader.number() !== 0;
    else reader.refuse();
  }
  return plain(reader, request);
}

/** The fields that a request and an item of a batch have in common. */
type CallFields = CheckRequest | CheckItem;

function readCall(reader: WireReader, tag: number, call: CallFields): void {
  if (tag === 26) call.principal = readOnly(reader, call.principal);
  else if (tag === 34) call.actors.push(readObject(reader));
  else if (tag === 42) call.tool = readOnly(reader, call.tool);
  else if (tag === 50) call.accesses.push(readAccess(reader));
  else if (tag === 66) call.session = readOnly(reader, call.session);
  else if (tag === 74) call.delegationId = reader.text();
  else if (tag === 80) call.partialChain = reader.number() !== 0;
  else if (tag === 96) call.explain = reader.number() !== 0;
  else reader.refuse();
}

function readItem(reader: WireReader, bytes: Buffer): CheckItem {
  const outer = reader.enter();
  const { at, end } = reader;
  const shared = sharedItems.find(bytes, at, end);
  if (shared === undefined) {
    const item = readNewItem(reader);
    reader.leave(outer);
    if (reader.isPlain && isSlight(item)) sharedItems.offer(bytes, at, end, item);
    return item;
  }
  reader.skip();
  reader.leave(outer);
  return shared;
}

function readNewItem(reader: WireReader): CheckItem {
  const item: CheckItem = {
    $typeName: "prokura.v1.CheckItem",
    principal: undefined,
    actors: [],
    tool: undefined,
    accesses: [],
    session: undefined,
    delegationId: "",
    partialChain: false,
    contextualTuples: [],
    explain: false,
    mode: Mode.UNSPECIFIED,
    bearerToken: "",
  };
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) readCall(reader, tag, item);
  return item;
}

function readAccess(reader: WireReader): Access {
  const outer = reader.enter();
  let resource: ObjectProto | undefined;
  let role = "";
  let permission = "";
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === 10) resource = readOnly(reader, resource);
    else if (tag === 18) role = reader.text();
    else if (tag === 26) permission = reader.text();
    else reader.refuse();
  }
  reader.leave(outer);
  return { $typeName: "prokura.v1.Access", resource, role, permission };
}

/** A subject that is an object. */
function readSubject(reader: WireReader): Subject {
  const outer = reader.enter();
  let object: ObjectProto | undefined;
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === 10) object = readOnly(reader, object);
    else reader.refuse();
  }
  reader.leave(outer);
  if (object === undefined) reader.refuse();
  const subject: Subject["subject"] =
    object === undefined ? { case: undefined } : { case: "object", value: object };
  return { $typeName: "prokura.v1.Subject", subject };
}

/** A field that is there twice is one message made of both: not plain. */
function readOnly(reader: WireReader, before: ObjectProto | undefined): ObjectProto {
  if (before !== undefined) reader.refuse();
  return readObject(reader);
}

function readObject(reader: WireReader): ObjectProto {
  const outer = reader.enter();
  let type = "";
  let id = "";
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === 10) type = reader.text();
    else if (tag === 18) id = reader.text();
    else reader.refuse();
  }
  reader.leave(outer);
  return { $typeName: "prokura.v1.Object", type, id };
}

function plain<Message>(reader: WireReader, message: Message): Message | undefined {
  return reader.isPlain ? message : undefined;
}
