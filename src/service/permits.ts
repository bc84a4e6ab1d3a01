import type { Permits } from "../core/caller.ts";
import { DomainError } from "../core/error.ts";

/**
 * Without authentication every caller may do everything: on the loopback, on an address that the
 * operator opened in so many words, and the process itself. A proof of another kind does not compile
 * here until it is decided what it permits.
 */
export const permitsEverything: Permits = ({ proof }) => {
  switch (proof.kind) {
    case "loopback":
    case "insecure":
    case "process":
      return undefined;
    case "key":
    case "token":
    case "certificate":
      throw new DomainError("caller_not_permitted", "this server has no permissions to look up");
  }
};
