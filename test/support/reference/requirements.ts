import type { ObjectRef } from "../../../src/core/object.ts";
import { subjectOf } from "../../../src/core/subject.ts";
import type { Access, Call } from "../../../src/core/decision.ts";
import { parsePermission, type RequiredRelation } from "../../../src/model/permission.ts";
import { contract, type Questions } from "./questions.ts";
import { any, every, no, not, trouble, truthOf, yes, type Truth } from "./truth.ts";
import { standing, tuplesOf } from "./world.ts";

/** Rule 4, one statement a reason. */
export interface Requirements {
  readonly registered: Truth;
  readonly accessesRegistered: Truth;
  readonly accessesPresent: Truth;
  readonly principalMay: Truth;
}

/**
 * A permission as the tool lists it. It is `relied` on where being listed helps the call (a tool
 * without any is unregistered), and `feared` where it hinders (every listed one must be met): the two
 * differ while an expiry passes.
 */
interface Listed {
  readonly permission: RequiredRelation;
  readonly relied: Truth;
  readonly feared: Truth;
}

export function requirementsOf(questions: Questions, call: Call): Requirements {
  const listed = listedBy(questions, call);
  const own = listed.filter(({ permission }) => isGoverned(permission));
  const onAccesses = listed.filter(({ permission }) => !isGoverned(permission));
  return {
    registered: any([asksNothing(questions, call), ...listed.map(({ relied }) => relied)]),
    accessesRegistered: every(
      call.accesses.map((access) =>
        any(onAccesses.filter((one) => matches(one, access)).map(({ relied }) => relied)),
      ),
    ),
    accessesPresent: every(
      onAccesses
        .filter(({ permission }) => !permission.optional)
        .map((one) =>
          any([not(one.feared), truthOf(call.accesses.some((access) => matches(one, access)))]),
        ),
    ),
    principalMay: every([
      ...call.accesses.map((access) => namedPermission(questions, call, access)),
      ...onAccesses.flatMap((one) =>
        call.accesses
          .filter((access) => matches(one, access))
          .map((access) => any([not(one.feared), holdsOnAccess(questions, call, one, access)])),
      ),
      ...own.map((one) => any([not(one.feared), holdsOnTool(questions, call, one.permission)])),
    ]),
  };
}

/** The part of rule 4 that needs no access, as `ListTools` asks it. */
export function mayUseTool(questions: Questions, call: Call): Truth {
  return every(
    listedBy(questions, call)
      .filter(({ permission }) => isGoverned(permission))
      .map((one) => any([not(one.feared), holdsOnTool(questions, call, one.permission)])),
  );
}

/** The servers of a tool that stand for the purpose: relied on, or feared. */
export function serversOf(
  questions: Questions,
  call: Call,
  polarity: "grants" | "takes",
): { readonly server: ObjectRef; readonly stands: Truth }[] {
  return questions.world.objects.map((server) => ({
    server,
    stands: questions.has(
      {
        object: call.tool,
        relation: contract("server"),
        subject: subjectOf(server),
        context: call.context,
      },
      polarity,
    ),
  }));
}

function listedBy(questions: Questions, call: Call): Listed[] {
  return permissionsOf(questions).flatMap((object) => {
    const permission = parsePermission(object.id, "permission");
    if (permission.kind === "none") return [];
    const question = {
      object: call.tool,
      relation: contract("requires"),
      subject: subjectOf(object),
      context: call.context,
    };
    return [
      {
        permission,
        relied: questions.has(question, "grants"),
        feared: questions.has(question, "takes"),
      },
    ];
  });
}

/** `permission:none` counts as a tuple on the tool itself, and only where nothing else is listed. */
function asksNothing(questions: Questions, call: Call): Truth {
  const itself = tuplesOf(questions.world, call.tool, contract("requires")).find(
    ({ subject }) => subject.kind === "object" && subject.object.id === "none",
  );
  if (itself === undefined) return no;
  return every([
    standing(questions.world, itself, "grants", call.context),
    ...listedBy(questions, call).map(({ feared }) => not(feared)),
  ]);
}

function permissionsOf(questions: Questions): ObjectRef[] {
  return questions.world.objects.filter((object) => object.type === "permission");
}

function isGoverned(permission: RequiredRelation): boolean {
  return permission.type === "tool" || permission.type === "mcp_server";
}

function matches({ permission }: Listed, access: Access): boolean {
  return permission.type === access.resource.type && permission.role === access.role;
}

function holdsOnAccess(
  questions: Questions,
  call: Call,
  { permission }: Listed,
  access: Access,
): Truth {
  if (!questions.defines(permission.type, permission.relation)) return trouble;
  return questions.has(
    {
      object: access.resource,
      relation: permission.relation,
      subject: subjectOf(call.principal),
      context: { ...call.context, ...access.context },
    },
    "grants",
  );
}

function namedPermission(questions: Questions, call: Call, access: Access): Truth {
  if (access.permission === undefined) return yes;
  return questions.has(
    {
      object: access.resource,
      relation: access.permission,
      subject: subjectOf(call.principal),
      context: { ...call.context, ...access.context },
    },
    "grants",
  );
}

/** On the tool itself; or on its server, of which there must be one, and on all of them. */
function holdsOnTool(questions: Questions, call: Call, permission: RequiredRelation): Truth {
  if (!questions.defines(permission.type, permission.relation)) return trouble;
  const subject = subjectOf(call.principal);
  const { relation } = permission;
  const { context, tool } = call;
  if (permission.type === "tool") {
    return questions.has({ object: tool, relation, subject, context }, "grants");
  }
  const isServer = (object: ObjectRef) => object.type === permission.type;
  const relied = serversOf(questions, call, "grants").filter(({ server }) => isServer(server));
  const feared = serversOf(questions, call, "takes").filter(({ server }) => isServer(server));
  return every([
    any(relied.map(({ stands }) => stands)),
    ...feared.map(({ server, stands }) =>
      any([not(stands), questions.has({ object: server, relation, subject, context }, "grants")]),
    ),
  ]);
}
