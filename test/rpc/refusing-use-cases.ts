import { DomainError } from "../../src/core/error.ts";
import type { UseCases } from "../../src/rpc/server.ts";

/** Use cases of which a test gives the ones that it is about; every other one fails. */
export function refusingUseCases(given: Partial<UseCases>): UseCases {
  return {
    authorizer: { check: refuse, checkBatch: refuse },
    relations: { checkRelation: refuse, expand: refuse, listObjects: refuse, listSubjects: refuse },
    tools: { listTools: refuse, watchTools: refuse },
    delegations: {
      delegate: refuse,
      renew: refuse,
      revoke: refuse,
      get: refuse,
      list: refuse,
      suspend: refuse,
      offboard: refuse,
      resume: refuse,
    },
    tuples: {
      write: refuse,
      read: refuse,
      delete: refuse,
      import: refuse,
      export: refuse,
      watch: refuse,
      waitFor: refuse,
    },
    models: { write: refuse, activate: refuse, read: refuse, list: refuse },
    tenants: { create: refuse, list: refuse, nodes: refuse },
    keys: { create: refuse, revoke: refuse, list: refuse },
    verifyCredential: refuse,
    nameSubjects: refuse,
    ...given,
  };
}

function refuse(): never {
  throw new DomainError("not_supported", "this test does not ask for it");
}
