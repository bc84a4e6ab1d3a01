import { create } from "@bufbuild/protobuf";
import { DomainError } from "../core/error.ts";
import { parseName, type ObjectRef } from "../core/object.ts";
import { objectOfSubject } from "../core/subject.ts";
import type { Decision } from "../core/decision.ts";
import {
  AuthorizationService,
  type CheckRelationRequest,
  type CheckRequest,
  type ExpandRequest,
  type ListObjectsRequest,
  type ListSubjectsRequest,
  type ListToolsRequest,
} from "../gen/prokura/v1/authorization_pb.ts";
import type { NameSubjects } from "../service/subject-tokens.ts";
import { tokenFormatter, type FormatToken } from "../service/token-formatter.ts";
import { ObjectSchema } from "../gen/prokura/v1/core_pb.ts";
import type {
  Authorizer,
  RelationAnswer,
  RelationReader,
  ToolLister,
} from "../service/authorizer.ts";
import { malformed } from "./field.ts";
import { inTenant, type CallContext, type Handlers } from "./call.ts";
import { checkItems } from "./check-batch.ts";
import {
  callFromProto,
  chainFromProto,
  conditionContextFromProto,
  decisionToProto,
  explanationToProto,
} from "./checks.ts";
import { contractLimits, type RequestLimits } from "./limits.ts";
import {
  contextualTuplesFromProto,
  objectFromProto,
  objectToProto,
  subjectFromProto,
  subjectToProto,
} from "./nouns.ts";
import { consistencyFromProto, pageFromProto, tenantFromProto } from "./request.ts";
import { streamCheck, type ReportBug } from "./stream-check.ts";
import { usersetTreeToProto } from "./userset-tree.ts";

/** What the handlers of the service ask. */
export interface AuthorizationParts {
  readonly authorizer: Authorizer;
  readonly relations: RelationReader;
  readonly tools: ToolLister;
  readonly nameSubjects: NameSubjects;
}

export function authorizationHandlers(
  parts: AuthorizationParts,
  limits: RequestLimits,
  reportBug: ReportBug,
): Handlers {
  const { authorizer, relations, tools } = parts;
  const { method } = AuthorizationService;
  const tokenOf = tokenFormatter();
  return (transport) => {
    transport.unary(method.check, (request, call) => {
      if (request.bearerToken === "") return check(authorizer, limits, tokenOf, request, call);
      return named(parts.nameSubjects, request).then((known) =>
        check(authorizer, limits, tokenOf, known, call),
      );
    });
    transport.unary(method.batchCheck, (request, call) =>
      checkItems(authorizer, limits, request, call),
    );
    transport.each(
      method.streamCheck,
      (request, call) => streamCheck(authorizer, limits, request, call, reportBug),
      contractLimits.streamedMessages,
    );
    transport.unary(method.checkRelation, (request, call) =>
      checkRelation(relations, limits, request, call),
    );
    transport.unary(method.expand, (request, call) => expand(relations, limits, request, call));
    transport.unary(method.listTools, (request, call) => listTools(tools, limits, request, call));
    transport.serverStream(method.watchTools, (request, call) =>
      tools.watchTools(inTenant(call, tenantFromProto(request.tenant)), {
        ...chainFromProto(request, ""),
        context: {},
      }),
    );
    transport.unary(method.listObjects, (request, call) =>
      listObjects(relations, limits, request, call),
    );
    transport.unary(method.listSubjects, (request, call) =>
      listSubjects(relations, limits, request, call),
    );
  };
}

/** The same request with the principal and the actors that its token names. */
async function named(nameSubjects: NameSubjects, request: CheckRequest): Promise<CheckRequest> {
  if (request.principal !== undefined || request.actors.length > 0) {
    throw malformed("bearer_token", "must be empty where principal or actors are named");
  }
  const { principal, actors } = await nameSubjects(request.bearerToken);
  const toProto = (object: ObjectRef) => create(ObjectSchema, objectToProto(object));
  return { ...request, principal: toProto(principal), actors: actors.map(toProto) };
}

function check(
  authorizer: Authorizer,
  limits: RequestLimits,
  tokenOf: FormatToken,
  request: CheckRequest,
  call: CallContext,
) {
  const context = inTenant(call, tenantFromProto(request.tenant));
  const answer = authorizer.check(context, callFromProto(request, limits, ""), {
    consistency: consistencyFromProto(request.consistency),
    explain: request.explain,
  });
  return answer instanceof Promise ? answer.then(format) : format(answer);

  function format(decision: Decision) {
    return decisionToProto(decision, tokenOf(decision));
  }
}

function checkRelation(
  relations: RelationReader,
  limits: RequestLimits,
  request: CheckRelationRequest,
  call: CallContext,
) {
  const answer = relations.checkRelation(inTenant(call, tenantFromProto(request.tenant)), {
    ...relationQueryFromProto(request, limits),
    object: objectFromProto(request.object, "object"),
    subject: subjectFromProto(request.subject, "subject"),
    explain: request.explain,
  });
  return answer instanceof Promise
    ? answer.then(relationAnswerToProto)
    : relationAnswerToProto(answer);
}

function relationAnswerToProto({ member, token, explanation }: RelationAnswer) {
  return explanation === undefined
    ? { member, token }
    : { member, token, explanation: explanationToProto(explanation) };
}

async function expand(
  relations: RelationReader,
  limits: RequestLimits,
  request: ExpandRequest,
  call: CallContext,
) {
  if (request.depth > contractLimits.expandDepth) {
    throw new DomainError(
      "limit_exceeded",
      `depth is ${request.depth}, at most ${contractLimits.expandDepth} is followed`,
      { field: "depth" },
    );
  }
  const { tree, token } = await relations.expand(inTenant(call, tenantFromProto(request.tenant)), {
    ...relationQueryFromProto(request, limits),
    object: objectFromProto(request.object, "object"),
    depthMax: Math.max(1, request.depth),
  });
  return { tree: usersetTreeToProto(tree), token };
}

async function listTools(
  tools: ToolLister,
  limits: RequestLimits,
  request: ListToolsRequest,
  call: CallContext,
) {
  const page = await tools.listTools(inTenant(call, tenantFromProto(request.tenant)), {
    ...chainFromProto(request, ""),
    context: conditionContextFromProto(request.context, limits, "context"),
    consistency: consistencyFromProto(request.consistency),
    page: pageFromProto(request, limits),
  });
  return {
    tools: page.items.map(objectToProto),
    nextPageToken: page.nextPageToken ?? "",
    token: page.token,
  };
}

async function listObjects(
  relations: RelationReader,
  limits: RequestLimits,
  request: ListObjectsRequest,
  call: CallContext,
) {
  const page = await relations.listObjects(inTenant(call, tenantFromProto(request.tenant)), {
    ...relationQueryFromProto(request, limits),
    type: parseName(request.type, "type"),
    subject: subjectFromProto(request.subject, "subject"),
    page: pageFromProto(request, limits),
    reportConditional: request.reportConditional,
  });
  return {
    objects: page.items.map(({ object, missingNames }) => ({
      object: objectToProto(object),
      conditional: missingNames.length > 0,
      missingContext: [...missingNames],
    })),
    nextPageToken: page.nextPageToken ?? "",
    token: page.token,
  };
}

async function listSubjects(
  relations: RelationReader,
  limits: RequestLimits,
  request: ListSubjectsRequest,
  call: CallContext,
) {
  const { subjectRelation } = request;
  const page = await relations.listSubjects(inTenant(call, tenantFromProto(request.tenant)), {
    ...relationQueryFromProto(request, limits),
    object: objectFromProto(request.object, "object"),
    subjectType: parseName(request.subjectType, "subject_type"),
    ...(subjectRelation === ""
      ? {}
      : { subjectRelation: parseName(subjectRelation, "subject_relation") }),
    page: pageFromProto(request, limits),
    reportConditional: request.reportConditional,
  });
  return {
    subjects: page.items.map(({ subject, missingNames, excluded }) => ({
      subject: subjectToProto(subject),
      conditional: missingNames.length > 0,
      missingContext: [...missingNames],
      excluded: excluded.map((one) => objectToProto(objectOfSubject(one, "excluded"))),
    })),
    nextPageToken: page.nextPageToken ?? "",
    token: page.token,
  };
}

function relationQueryFromProto(
  request: Pick<CheckRelationRequest, "relation" | "contextualTuples" | "consistency"> &
    Partial<Pick<CheckRelationRequest, "context">>,
  limits: RequestLimits,
) {
  return {
    relation: parseName(request.relation, "relation"),
    context: conditionContextFromProto(request.context, limits, "context"),
    contextualTuples: contextualTuplesFromProto(
      request.contextualTuples,
      limits,
      "contextual_tuples",
    ),
    consistency: consistencyFromProto(request.consistency),
  };
}
