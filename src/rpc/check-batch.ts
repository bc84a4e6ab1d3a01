import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Call, Decision } from "../core/decision.ts";
import { DomainError } from "../core/error.ts";
import type {
  CheckItem,
  CheckResultSchema,
  StreamCheckRequest,
} from "../gen/prokura/v1/authorization_pb.ts";
import type { Authorizer, BatchDecision } from "../service/authorizer.ts";
import type { NameSubjects } from "../service/subject-tokens.ts";
import { named, shownWith } from "./bearer.ts";
import { inTenant, type CallContext } from "./call.ts";
import { callFromProto, decisionToProto } from "./checks.ts";
import { itemErrorToProto } from "./errors.ts";
import { atMost, malformed } from "./field.ts";
import type { RequestLimits } from "./limits.ts";
import { consistencyFromProto, tenantFromProto } from "./request.ts";

/** The answers to the items of one message, in their order, all at the revision of the token. */
export interface BatchAnswer {
  readonly results: MessageInitShape<typeof CheckResultSchema>[];
  readonly token: string;
}

/** Whom the handlers of checks ask. */
export interface CheckParts {
  readonly authorizer: Authorizer;
  readonly nameSubjects: NameSubjects;
}

/**
 * Judges the items of a batch or of one message of a stream. An item that is malformed, or whose token
 * is not valid, fails alone: the others are judged without it. Where none is left, nothing is asked and
 * there is no token.
 */
export function checkItems(
  { authorizer, nameSubjects }: CheckParts,
  limits: RequestLimits,
  request: Pick<StreamCheckRequest, "tenant" | "consistency" | "items">,
  call: CallContext,
): BatchAnswer | Promise<BatchAnswer> {
  const context = inTenant(call, tenantFromProto(request.tenant));
  const consistency = consistencyFromProto(request.consistency);
  const { items } = request;
  if (items.length === 0) throw malformed("items", "must have at least one check");
  atMost(items.length, limits.checksMax, "items");
  let explain = false;
  let isNamed = true;
  for (const item of items) {
    if (item.explain) explain = true;
    if (item.bearerToken !== "") isNamed = false;
  }
  if (isNamed) return judge(items.map((item, index) => parseItem(item, index, limits)));
  const parsing = items.map((item, index) => parseNamed(nameSubjects, item, index, limits));
  return Promise.all(parsing).then(judge);

  function judge(parsed: readonly (Call | DomainError)[]): BatchAnswer | Promise<BatchAnswer> {
    const calls = parsed.filter(isCall);
    if (calls.length === 0) return batchToProto({ items: [], token: "" }, parsed, items);
    const answer = authorizer.checkBatch(context, calls, { consistency, explain });
    return answer instanceof Promise
      ? answer.then((batch) => batchToProto(batch, parsed, items))
      : batchToProto(answer, parsed, items);
  }
}

async function parseNamed(
  nameSubjects: NameSubjects,
  item: CheckItem,
  index: number,
  limits: RequestLimits,
): Promise<Call | DomainError> {
  if (item.bearerToken === "") return parseItem(item, index, limits);
  try {
    const { request, shown } = await named(nameSubjects, item, `items[${index}].`);
    const parsed = parseItem(request, index, limits);
    return parsed instanceof DomainError ? parsed : shownWith(parsed, shown);
  } catch (error) {
    if (error instanceof DomainError) return error;
    throw error;
  }
}

function isCall(entry: Call | DomainError): entry is Call {
  return !(entry instanceof DomainError);
}

function parseItem(item: CheckItem, index: number, limits: RequestLimits): Call | DomainError {
  try {
    // Names of fields are for errors: they are made where there is one.
    return callFromProto(item, limits, "");
  } catch {
    return problemOf(item, index, limits);
  }
}

/** No decision: the item is answered with this error. */
function problemOf(item: CheckItem, index: number, limits: RequestLimits): Call | DomainError {
  try {
    return callFromProto(item, limits, `items[${index}].`);
  } catch (error) {
    if (error instanceof DomainError) return error;
    throw error;
  }
}

function batchToProto(
  batch: BatchDecision,
  parsed: readonly (Call | DomainError)[],
  items: readonly CheckItem[],
): BatchAnswer {
  let decided = 0;
  const results = parsed.map((entry, index): MessageInitShape<typeof CheckResultSchema> => {
    let outcome: Decision | DomainError | undefined = undefined;
    if (entry instanceof DomainError) outcome = entry;
    else {
      outcome = batch.items[decided];
      decided += 1;
    }
    if (outcome === undefined || outcome instanceof DomainError) {
      return { result: { case: "error", value: itemErrorToProto(outcome) } };
    }
    const hides = outcome.explanation !== undefined && items[index]?.explain !== true;
    const shown = hides ? withoutExplanation(outcome) : outcome;
    return { result: { case: "decision", value: decisionToProto(shown, "") } };
  });
  return { results, token: batch.token };
}

/** One item asked for explanations, and all of the batch got them. */
function withoutExplanation(decision: Decision): Decision {
  const { id, verdict, tenant, timeline, revision, modelId } = decision;
  return { id, verdict, tenant, timeline, revision, modelId };
}
