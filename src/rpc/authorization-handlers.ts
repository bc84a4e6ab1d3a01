import { DomainError } from "../core/error.ts";
import { parseName } from "../core/object.ts";
import { objectOfSubject } from "../core/subject.ts";
import type { Decision, ShownToken } from "../core/decision.ts";
import {
  AuthorizationService,
  type CheckRelationRequest,
  type CheckRequest,
  type ExpandRequest,
  type ListObjectsRequest,
  type ListSubjectsRequest,
  type ListToolsRequest,
} from "../gen/prokura/v1/authorization_pb.ts";
import { tokenFormatter, type FormatToken } from "../service/token-formatter.ts";
import type {
  Authorizer,
  RelationAnswer,
  RelationReader,
  ToolLister,
} from "../service/authorizer.ts";
import { named, shownWith } from "./bearer.ts";
import { inTenant, type CallContext, type Handlers } from "./call.ts";
import type { CallerBudgets } from "./caller-budgets.ts";
import { checkItems, type CheckParts } from "./check-batch.ts";
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
export interface AuthorizationParts extends CheckParts {
  readonly relations: RelationReader;
  readonly tools: ToolLister;
  /** Of which the messages of a check stream are paid. */
  readonly budgets: CallerBudgets;
}

export function authorizationHandlers(
  parts: AuthorizationParts,
  limits: RequestLimits,
  reportBug: ReportBug,
): Handlers {
  const { authorizer, relations, tools, nameSubjects } = parts;
  const { method } = AuthorizationService;
  const tokenOf = tokenFormatter();
  return (transport) => {
    transport.unary(method.check, (request, call) => {
      if (request.bearerToken === "") return check(authorizer, limits, tokenOf, request, call);
      return named(nameSubjects, request, "").then((known) =>
        check(authorizer, limits, tokenOf, known.request, call, known.shown),
      );
    });
    transport.unary(method.batchCheck, (request, call) => checkItems(parts, limits, request, call));
    transport.each(
      method.streamCheck,
      (request, call) => streamCheck(parts, limits, request, call, reportBug),
      contractLimits.streamedMessages,
    );
    transport.unary(method.checkRelation, (request, call) =>
      checkRelation(relations, limits, request, call),
    );
    transport.unary(method.expand, (request, call) => expand(relations, limits, request, call));
    transport.unary(method.listTools, async (request, call) => {
      const { bearerToken } = request;
      const known = bearerToken === "" ? request : (await named(nameSubjects, request, "")).request;
      return listTools(tools, limits, known, call);
    });
    transport.serverStream(method.watchTools, async function* (request, call) {
      const { bearerToken } = request;
      const known = bearerToken === "" ? request : (await named(nameSubjects, request, "")).request;
      const chain = chainFromProto(known, "");
      const context = inTenant(call, tenantFromProto(request.tenant));
      yield* tools.watchTools(context, { ...chain, context: {} });
    });
    transport.unary(method.listObjects, (request, call) =>
      listObjects(relations, limits, request, call),
    );
    transport.unary(method.listSubjects, (request, call) =>
      listSubjects(relations, limits, request, call),
    );
  };
}

function check(
  authorizer: Authorizer,
  limits: RequestLimits,
  tokenOf: FormatToken,
  request: CheckRequest,
  call: CallContext,
  shown?: ShownToken,
) {
  const context = inTenant(call, tenantFromProto(request.tenant));
  const answer = authorizer.check(context, shownWith(callFromProto(request, limits, ""), shown), {
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
