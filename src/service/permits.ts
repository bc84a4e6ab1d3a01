import type { Permits } from "../core/caller.ts";
import { DomainError } from "../core/error.ts";

/**
 * Without authentication every caller on the loopback, every one on an address that the operator
 * opened in so many words, and the process itself may do everything; whoever else could come may not.
 */
export const permitsEverything: Permits = (caller, permission) => {
  switch (caller.proof.kind) {
    case "loopback":
    case "insecure":
    case "process":
      return;
  }
  throw new DomainError("caller_not_permitted", `the caller is not a ${String(permission)}`);
};
