import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  sign,
  verify,
  type KeyObject,
} from "node:crypto";
import { canonicalJson } from "../core/json.ts";
import { numberOf, parseObject, textOf } from "./log-row.ts";

/** What a node says of its own chain: that its row `seq` has this hash, and with it all before. */
export interface Checkpoint {
  readonly tenant: string;
  readonly chain: string;
  readonly seq: number;
  /** Of that row, in hexadecimal. */
  readonly hash: string;
  readonly atMs: number;
  /** The last revision that the rows up to there tell of; absent where they tell of none. */
  readonly revision?: number;
  /** The raw Ed25519 key that verifies the signature, in base64url. */
  readonly key: string;
}

/** As it is stored and handed out. */
export interface SignedCheckpoint {
  /** Canonical JSON: what is signed. */
  readonly body: string;
  /** Ed25519, in base64url. */
  readonly signature: string;
}

/** A node's key, with which it signs what it wrote. */
export interface SigningKey {
  /** As in `Checkpoint`. */
  readonly publicKey: string;
  sign(checkpoint: Omit<Checkpoint, "key">): SignedCheckpoint;
  /** Ed25519, in base64url. */
  signText(text: string): string;
}

const rawKeyBytes = 32;

/** Reads a private key in PEM. `undefined` where it is none of Ed25519. */
export function readSigningKey(pem: string): SigningKey | undefined {
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch {
    // Whoever gave it is told that it is none.
    return undefined;
  }
  if (key.asymmetricKeyType !== "ed25519") return undefined;
  const publicKey = rawKeyOf(createPublicKey(key));
  const signText = (text: string): string =>
    sign(null, Buffer.from(text), key).toString("base64url");
  return {
    publicKey,
    sign: (checkpoint) => {
      const { atMs, ...rest } = checkpoint;
      const body = canonicalJson({ ...rest, at: atMs, key: publicKey, kind: "checkpoint" });
      return { body, signature: signText(body) };
    },
    signText,
  };
}

/** A new private key, in PEM. */
export function makeSigningKey(): string {
  const { privateKey } = generateKeyPairSync("ed25519");
  return privateKey.export({ type: "pkcs8", format: "pem" }).toString();
}

/** What is signed, whoever signed it: the key is its own claim. `undefined` where the signature fails. */
export function openCheckpoint({ body, signature }: SignedCheckpoint): Checkpoint | undefined {
  const checkpoint = claimOfCheckpoint(body);
  if (checkpoint === undefined) return undefined;
  return isSigned(body, signature, checkpoint.key) ? checkpoint : undefined;
}

/** Whether it is a signature of the text by that key, as in `Checkpoint`. */
export function isSigned(text: string, signature: string, publicKey: string): boolean {
  const key = publicKeyOf(publicKey);
  if (key === undefined) return false;
  return verify(null, Buffer.from(text), key, Buffer.from(signature, "base64url"));
}

/** A short name of a public key, for people. */
export function keyName(publicKey: string): string {
  return createHash("sha256").update(publicKey).digest("hex").slice(0, 16);
}

/** What a checkpoint says, signed or not. `undefined` where it is none. */
export function claimOfCheckpoint(body: string): Checkpoint | undefined {
  const members = parseObject(body);
  if (members === undefined || canonicalJson(members) !== body) return undefined;
  const seq = numberOf(members, "seq");
  const atMs = numberOf(members, "at");
  if (textOf(members, "kind") !== "checkpoint" || seq === undefined || atMs === undefined) {
    return undefined;
  }
  const revision = numberOf(members, "revision");
  return {
    tenant: textOf(members, "tenant"),
    chain: textOf(members, "chain"),
    seq,
    hash: textOf(members, "hash"),
    atMs,
    key: textOf(members, "key"),
    ...(revision === undefined ? {} : { revision }),
  };
}

function publicKeyOf(raw: string): KeyObject | undefined {
  if (Buffer.from(raw, "base64url").length !== rawKeyBytes) return undefined;
  try {
    return createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x: raw }, format: "jwk" });
  } catch {
    // No point of the curve: nothing was signed with it.
    return undefined;
  }
}

function rawKeyOf(key: KeyObject): string {
  return key.export({ format: "jwk" }).x ?? "";
}
