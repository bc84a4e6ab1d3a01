import type { Call, Reason } from "../../../src/core/decision.ts";
import { reasons } from "../../../src/core/decision.ts";
import type { JsonObject } from "../../../src/core/json.ts";
import { parseName, sameObject, type ObjectRef } from "../../../src/core/object.ts";
import { subjectOf, type Subject } from "../../../src/core/subject.ts";
import { chainsOf, isSound, type Chain } from "./chains.ts";
import { covers, contract, questionsAbout, type Questions } from "./questions.ts";
import { mayUseTool, requirementsOf, serversOf } from "./requirements.ts";
import { any, every, not, truthOf, type Truth } from "./truth.ts";
import { withFavourableConditions, withTuples, type World } from "./world.ts";

export type ReferenceVerdict =
  | { readonly kind: "allowed"; readonly delegationIds: readonly string[] }
  | {
      readonly kind: "denied";
      readonly reason: Reason;
      readonly missingNames: readonly string[];
      readonly delegationIds: readonly string[];
    }
  /** Something went wrong on which the answer hangs. */
  | { readonly kind: "undecided" };

/** One rule: the reason to deny the call, unless it holds. */
interface Rule {
  readonly reason: Reason;
  readonly holds: Truth;
}

interface Judged {
  readonly chain: Chain;
  readonly holds: Truth;
  readonly failed: Reason | undefined;
}

/** Judges calls rule by rule, every rule of every chain, over all tuples. */
export function judgeOf(stored: World): (call: Call) => ReferenceVerdict {
  const plain = mindOf(stored);
  return (call) => {
    if (call.contextualTuples.length === 0) return judge(plain, call);
    return judge(mindOf(withTuples(stored, call.contextualTuples)), call);
  };
}

/** The world as it is, and as it would be if every condition were as the call likes it. */
interface Mind {
  readonly questions: Questions;
  readonly favourable: Questions;
}

function mindOf(world: World): Mind {
  return {
    questions: questionsAbout(world),
    favourable: questionsAbout(withFavourableConditions(world)),
  };
}

function judge(mind: Mind, call: Call): ReferenceVerdict {
  const { questions, favourable } = mind;
  const general = generalRules(questions, call);
  const failed = firstFailure(general);
  if (failed !== undefined) return denied(failed, [], []);
  const judged = chainsOf(questions, call).map((chain) => judgeChain(mind, call, general, chain));
  return conclude(favourable, call, judged);
}

function conclude(favourable: Questions, call: Call, judged: readonly Judged[]): ReferenceVerdict {
  const allowing = judged.find(({ holds }) => holds.sure);
  if (allowing !== undefined) return { kind: "allowed", delegationIds: idsOf(allowing.chain) };
  const outcome = any(judged.map(({ holds }) => holds));
  const open = judged.find(({ holds }) => holds.possible);
  if (open !== undefined) {
    if (outcome.troubled) return { kind: "undecided" };
    return denied("context_missing", idsOf(open.chain), [...outcome.names].toSorted());
  }
  const furthest = judged.toSorted((left, right) => stageOf(right) - stageOf(left))[0];
  if (furthest?.failed === undefined) return denied("no_delegation", [], []);
  const isCoverage = ["tool_not_covered", "resource_not_covered"].includes(furthest.failed);
  const reason =
    isCoverage && isSplit(favourable, call, judged) ? "split_coverage" : furthest.failed;
  return denied(reason, idsOf(furthest.chain), []);
}

function denied(
  reason: Reason,
  delegationIds: readonly string[],
  missingNames: readonly string[],
): ReferenceVerdict {
  return { kind: "denied", reason, delegationIds, missingNames };
}

function stageOf({ failed }: Judged): number {
  return failed === undefined ? reasons.length : reasons.indexOf(failed);
}

function firstFailure(rules: readonly Rule[]): Reason | undefined {
  return rules.find(({ holds }) => !holds.possible)?.reason;
}

function idsOf(chain: Chain): string[] {
  return chain.links.map((link) => link.object.id);
}

/** Rules 1 (but for the chain's own objects) and 4. */
function generalRules(questions: Questions, call: Call): Rule[] {
  const requirements = requirementsOf(questions, call);
  return [
    { reason: "suspended", holds: not(isAnySuspended(questions, call)) },
    { reason: "tool_unregistered", holds: requirements.registered },
    { reason: "access_unregistered", holds: requirements.accessesRegistered },
    { reason: "access_missing", holds: requirements.accessesPresent },
    { reason: "principal_lacks_permission", holds: requirements.principalMay },
  ];
}

function isAnySuspended(questions: Questions, call: Call): Truth {
  const named = objectsOfCall(call).map((object) => truthOf(questions.isSuspended(object)));
  const servers = serversOf(questions, call, "takes").map(({ server, stands }) =>
    every([stands, truthOf(questions.isSuspended(server))]),
  );
  const containers = call.accesses.flatMap(({ resource }) =>
    questions
      .containers(resource, call.context, "takes")
      .map(({ object, contains }) => every([contains, truthOf(questions.isSuspended(object))])),
  );
  return any([...named, ...servers, ...containers]);
}

/** Principal, actors, tool, resources and session. */
export function objectsOfCall(call: Call): ObjectRef[] {
  const session = call.session === undefined ? [] : [call.session];
  const resources = call.accesses.map(({ resource }) => resource);
  return [call.principal, ...call.actors, call.tool, ...resources, ...session];
}

/** Rules 1 (the chain's own objects), 2, 3, 5 and 6. */
function judgeChain(
  { questions, favourable }: Mind,
  call: Call,
  general: readonly Rule[],
  chain: Chain,
): Judged {
  const { links } = chain;
  // One after the other: what comes after a definite failure has no say.
  const rules: readonly (() => Rule)[] = [
    () => rule("delegation_expired", truthOf(!links.some(({ isExpired }) => isExpired))),
    () => rule("delegation_suspended", truthOf(!isChainSuspended(questions, chain))),
    () => rule("chain_broken", isSound(questions, call, chain)),
    () => rule("tool_not_covered", coversTool(favourable, call, chain)),
    () => rule("resource_not_covered", coversResources(favourable, call, chain)),
    () => rule("condition_failed", coversTool(questions, call, chain)),
    () => rule("condition_failed", coversResources(questions, call, chain)),
    () => rule("session_mismatch", fitsSession(questions, call, chain)),
    () => rule("not_eligible", areEligible(questions, call, chain)),
  ];
  const judged = [...general];
  for (const next of rules) {
    const { reason, holds } = next();
    if (!holds.possible) return { chain, holds, failed: reason };
    judged.push({ reason, holds });
  }
  return { chain, holds: every(judged.map(({ holds }) => holds)), failed: undefined };
}

function rule(reason: Reason, holds: Truth): Rule {
  return { reason, holds };
}

function isChainSuspended(questions: Questions, { links }: Chain): boolean {
  return links.some((link) =>
    [link.object, ...link.delegators, ...link.delegates].some((object) =>
      questions.isSuspended(object),
    ),
  );
}

function coversTool(questions: Questions, call: Call, { links }: Chain): Truth {
  return every(
    links.map(({ object }) => covers(questions, object, contract("tool"), call.tool, call.context)),
  );
}

function coversResources(questions: Questions, call: Call, chain: Chain): Truth {
  return every(call.accesses.map((_, index) => coversResource(questions, call, chain, index)));
}

function coversResource(questions: Questions, call: Call, { links }: Chain, index: number): Truth {
  const access = call.accesses[index];
  if (access === undefined) return truthOf(false);
  const context: JsonObject = { ...call.context, ...access.context };
  return every(
    links.map(({ object }) =>
      covers(questions, object, contract("resource"), access.resource, context),
    ),
  );
}

/** The tool is covered by one sound chain, and each resource by one, though all by none. */
function isSplit(favourable: Questions, call: Call, judged: readonly Judged[]): boolean {
  const chains = judged
    .filter((one) => stageOf(one) >= reasons.indexOf("tool_not_covered"))
    .map(({ chain }) => chain);
  return (
    chains.some((chain) => coversTool(favourable, call, chain).sure) &&
    call.accesses.every((_, index) =>
      chains.some((chain) => coversResource(favourable, call, chain, index).sure),
    )
  );
}

function fitsSession(questions: Questions, call: Call, { links }: Chain): Truth {
  const { session, context, principal } = call;
  const subject: Subject =
    session === undefined
      ? { kind: "wildcard", type: parseName("session", "type") }
      : subjectOf(session);
  const named = links.map(({ object }) =>
    questions.has({ object, relation: contract("session"), subject, context }, "grants"),
  );
  if (session === undefined) return every(named);
  const actor = call.actors.at(-1) ?? principal;
  const ends = [
    { relation: contract("principal"), end: principal },
    { relation: contract("actor"), end: actor },
  ]
    .filter(({ relation }) => questions.defines(session.type, relation))
    .map(({ relation, end }) =>
      questions.has({ object: session, relation, subject: subjectOf(end), context }, "grants"),
    );
  return every([...named, ...ends]);
}

function areEligible(questions: Questions, call: Call, { links }: Chain): Truth {
  const delegates = links.flatMap((link) => link.delegates);
  const onTool = isEligibleOn(questions, call, call.tool, delegates);
  const onServers = serversOf(questions, call, "takes")
    .filter(({ server }) => !sameObject(server, call.tool))
    .map(({ server, stands }) =>
      any([not(stands), isEligibleOn(questions, call, server, delegates)]),
    );
  return every([onTool, ...onServers]);
}

function isEligibleOn(
  questions: Questions,
  { context }: Call,
  object: ObjectRef,
  delegates: readonly ObjectRef[],
): Truth {
  if (!questions.defines(object.type, contract("eligible"))) return truthOf(true);
  return every(
    delegates.map((delegate) =>
      questions.has(
        { object, relation: contract("eligible"), subject: subjectOf(delegate), context },
        "grants",
      ),
    ),
  );
}

/**
 * Whether `ListTools` lists the tool: registered, and some chain meets rules 1, 2, 3 as far as the
 * tool goes, 5 and 6, and the part of 4 that needs no resource. What hangs on missing context counts
 * as true.
 */
export function isListed(questions: Questions, call: Call): boolean {
  const { registered } = requirementsOf(questions, call);
  const general = [not(isAnySuspended(questions, call)), registered, mayUseTool(questions, call)];
  if (general.some(({ possible }) => !possible)) return false;
  return chainsOf(questions, call).some(
    (chain) =>
      !chain.links.some(({ isExpired }) => isExpired) &&
      !isChainSuspended(questions, chain) &&
      isSound(questions, call, chain).possible &&
      coversTool(questions, call, chain).possible &&
      fitsSession(questions, call, chain).possible &&
      areEligible(questions, call, chain).possible,
  );
}
