import type { Client } from "../client/client.ts";
import { decisionFromProto } from "../client/decision.ts";
import type { Authorization, Containment, Freshness, Identity } from "./authorization.ts";
import type { GatewayConfig } from "./gateway-config.ts";

const pageSize = 1_000;
/** An agent that may call more tools than this gets an error, not a part of the list. */
const toolsMax = 50_000;

/** Asks the service: one `Check` a call, with a deadline. Nothing is remembered between two calls. */
export function createServiceAuthorization(
  client: Client,
  config: GatewayConfig["service"],
): Authorization {
  const { tenant, deadlineMs } = config;
  return {
    async check(identity, call, signal) {
      const response = await client.authorization.check(
        {
          tenant,
          ...subjectsOf(identity, config),
          partialChain: isPartial(identity, config),
          tool: call.tool,
          accesses: [...call.accesses],
          context: call.context,
          contextualTuples: call.containment.map(tupleOf),
        },
        { signal, deadlineMs },
      );
      return decisionFromProto(response);
    },
    async listTools(identity, freshness, signal) {
      const tools = new Set<string>();
      let pageToken = "";
      do {
        const page = await client.authorization.listTools(
          {
            tenant,
            ...subjectsOf(identity, config),
            partialChain: isPartial(identity, config),
            ...consistencyOf(freshness),
            pageSize,
            pageToken,
          },
          { signal, deadlineMs },
        );
        for (const tool of page.tools) tools.add(tool.id);
        if (tools.size > toolsMax) throw new Error(`more than ${toolsMax} tools are listed`);
        pageToken = page.nextPageToken;
      } while (pageToken !== "");
      return tools;
    },
    async *watchTools(identity, signal) {
      const events = client.authorization.watchTools(
        {
          tenant,
          ...subjectsOf(identity, config),
          partialChain: isPartial(identity, config),
        },
        { signal },
      );
      for await (const { token } of events) yield { token };
    },
  };
}

interface Subjects {
  readonly principal?: Identity["principal"];
  readonly actors: Identity["actors"][number][];
  readonly bearerToken: string;
  readonly session?: NonNullable<Identity["session"]>;
}

/** The names, or the token that they stand in. */
function subjectsOf(
  { principal, actors, session, token }: Identity,
  { forwardToken }: GatewayConfig["service"],
): Subjects {
  const within = session === undefined ? {} : { session };
  if (forwardToken && token !== undefined) return { actors: [], bearerToken: token, ...within };
  return { principal, actors: [...actors], bearerToken: "", ...within };
}

/** An agent that comes with a chain is held to it. */
function isPartial({ actors }: Identity, { partialChain }: GatewayConfig["service"]): boolean {
  return partialChain && actors.length === 1;
}

function consistencyOf({ token }: Freshness): object {
  if (token === undefined) return {};
  return { consistency: { mode: { case: "atLeastAsFresh", value: token } } };
}

function tupleOf({ object, relation, container }: Containment): object {
  return { object, relation, subject: { subject: { case: "object", value: container } } };
}
