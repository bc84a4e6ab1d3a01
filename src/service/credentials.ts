import type { Caller } from "../core/caller.ts";
import { DomainError } from "../core/error.ts";
import type { Issuer } from "../identity/issuer.ts";
import { RecentValues } from "../identity/recent-values.ts";
import type { VerifiedToken, VerifyToken } from "../identity/token-verifier.ts";
import { callerId } from "./key-keeper.ts";
import { parseKeySecret, sameHash } from "./key-secret.ts";
import type { KeyStorage } from "./storage.ts";
import { callerObject } from "./system-graph.ts";

/**
 * Tells whose a bearer credential is, an API key's or a token's: at once where it was shown a moment
 * ago. Throws or rejects with `unauthenticated`, or `not_serving` where it cannot be known. Whether a
 * key still stands is asked with each permission.
 */
export type VerifyCredential = (text: string) => Caller | Promise<Caller>;

const keysKept = 10_000;
/** The row of a key never changes: this only lets go of what nobody uses any more. */
const keptMs = 3_600_000;

export function createCredentials(
  findKey: KeyStorage["find"],
  verifyToken: VerifyToken<Issuer>,
): VerifyCredential {
  const keys = new RecentValues<Caller>(keysKept, keptMs, () => performance.now());
  const callers = new WeakMap<VerifiedToken<Issuer>, Caller>();
  return (text) => {
    if (text.startsWith("prokura_")) return keys.get(text) ?? verifyKey(text);
    const verified = verifyToken(text);
    return verified instanceof Promise ? verified.then(callerOf) : callerOf(verified);
  };

  async function verifyKey(text: string): Promise<Caller> {
    const shown = parseKeySecret(text);
    const stored = shown === undefined ? undefined : await findKey(shown.keyId);
    if (shown === undefined || stored === undefined || !sameHash(stored.secretHash, shown.hash)) {
      throw new DomainError("unauthenticated", "there is no such API key");
    }
    const { keyId } = shown;
    const caller: Caller = { id: callerId(keyId), proof: { kind: "key", keyId } };
    keys.set(text, caller);
    return caller;
  }

  function callerOf(token: VerifiedToken<Issuer>): Caller {
    const known = callers.get(token);
    if (known !== undefined) return known;
    const { from, subject, validUntilMs } = token;
    const id = `jwt:${from.issuer}|${subject}`;
    callerObject(id); // One that cannot be granted anything is nobody.
    const caller: Caller = { id, proof: { kind: "token", issuer: from.issuer, validUntilMs } };
    callers.set(token, caller);
    return caller;
  }
}
