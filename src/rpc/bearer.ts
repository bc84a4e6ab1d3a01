import { create } from "@bufbuild/protobuf";
import type { Call, ShownToken } from "../core/decision.ts";
import type { ObjectRef } from "../core/object.ts";
import { ObjectSchema, type Object$ as ObjectProto } from "../gen/prokura/v1/core_pb.ts";
import type { NameSubjects } from "../service/subject-tokens.ts";
import { malformed } from "./field.ts";
import { objectToProto } from "./nouns.ts";

/** A request that names for whom it asks, or brings a token that does. */
interface Naming {
  readonly principal?: ObjectProto | undefined;
  readonly actors: readonly ObjectProto[];
  readonly bearerToken: string;
}

/** The request with the names that its token gave, and what is kept of that token. */
export interface Named<Request> {
  readonly request: Request;
  readonly shown: ShownToken;
}

/**
 * Puts the principal and the actors that the token names in its place. Fails with `malformed` where
 * both are given, else as `NameSubjects` does. `prefix` stands before the names of fields.
 */
export async function named<Request extends Naming>(
  nameSubjects: NameSubjects,
  request: Request,
  prefix: string,
): Promise<Named<Request>> {
  if (request.principal !== undefined || request.actors.length > 0) {
    throw malformed(`${prefix}bearer_token`, "must be empty where principal or actors are named");
  }
  const { principal, actors, shown } = await nameSubjects(request.bearerToken);
  const toProto = (object: ObjectRef) => create(ObjectSchema, objectToProto(object));
  return {
    request: {
      ...request,
      principal: toProto(principal),
      actors: actors.map(toProto),
      bearerToken: "",
    },
    shown,
  };
}

/** The call, with the token that it was named by. */
export function shownWith(call: Call, shown: ShownToken | undefined): Call {
  return shown === undefined ? call : { ...call, shownToken: shown };
}
