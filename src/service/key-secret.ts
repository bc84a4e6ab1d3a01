import { createHash, randomBytes, timingSafeEqual } from "node:crypto";

/** An API key as its holder has it, taken apart. */
export interface KeySecret {
  readonly keyId: string;
  /** SHA-256 of the whole: there are 256 random bits in it, so that no slower hash is needed. */
  readonly hash: string;
}

const pattern = /^prokura_(k[0-9a-z]{25})_[A-Za-z0-9_-]{43}$/;

export function newKeySecret(keyId: string): { readonly secret: string; readonly hash: string } {
  const secret = `prokura_${keyId}_${randomBytes(32).toString("base64url")}`;
  return { secret, hash: hashOf(secret) };
}

/** `undefined` where the text is no key of ours. */
export function parseKeySecret(text: string): KeySecret | undefined {
  const keyId = pattern.exec(text)?.[1];
  return keyId === undefined ? undefined : { keyId, hash: hashOf(text) };
}

export function sameHash(left: string, right: string): boolean {
  const [one, other] = [Buffer.from(left), Buffer.from(right)];
  return one.length === other.length && timingSafeEqual(one, other);
}

function hashOf(secret: string): string {
  return createHash("sha256").update(secret).digest("base64url");
}
