import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";
import { onlyRow, type Database, type Statement } from "./database.ts";

/**
 * Seals what nodes tell one another through the database. Whoever may connect to it may listen to
 * every channel, and tell anything there. Who can open a seal knows that it comes from a process that
 * can read the table of the key, and nobody else can read what is in it. A seal may be repeated by anyone, so
 * it must only say what stays true.
 */
export interface HintSeal {
  /** What other nodes call this process by, for as long as it lives. */
  readonly name: string;
  /** The content, to be opened beside the same heading only. */
  seal(heading: string, content: string): string;
  /** `undefined` where it was not sealed so by the process of that name. */
  open(from: string, heading: string, sealed: string): string | undefined;
}

const algorithm = "aes-256-gcm";
const nonceBytes = 12;
const tagBytes = 16;
const sendersMax = 1_000;

const keyStatement: Statement = { name: "hint_key", text: "select key from hint_key" };

/** Fails with `not_serving` where the database is away. */
export async function openHintSeal(database: Database): Promise<HintSeal> {
  const rows = await database.query<{ readonly key: Buffer }>("reads", keyStatement, []);
  return hintSeal(onlyRow(rows).key);
}

export function hintSeal(key: Uint8Array): HintSeal {
  const name = randomBytes(16).toString("hex");
  const own = keyOf(key, name);
  const senders = new Map<string, Uint8Array>();
  let count = 0n;

  return {
    name,
    seal(heading, content) {
      // The key is this process's alone: counted nonces never come twice.
      const nonce = Buffer.alloc(nonceBytes);
      nonce.writeBigUInt64BE((count += 1n), nonceBytes - 8);
      const cipher = createCipheriv(algorithm, own, nonce, { authTagLength: tagBytes });
      cipher.setAAD(Buffer.from(heading, "utf8"));
      const parts = [nonce, cipher.update(content, "utf8"), cipher.final(), cipher.getAuthTag()];
      return Buffer.concat(parts).toString("base64");
    },
    open(from, heading, sealed) {
      const bytes = Buffer.from(sealed, "base64");
      if (bytes.length < nonceBytes + tagBytes) return undefined;
      const nonce = bytes.subarray(0, nonceBytes);
      const decipher = createDecipheriv(algorithm, senderKey(from), nonce, {
        authTagLength: tagBytes,
      });
      decipher.setAAD(Buffer.from(heading, "utf8"));
      decipher.setAuthTag(bytes.subarray(-tagBytes));
      try {
        const content = decipher.update(bytes.subarray(nonceBytes, -tagBytes));
        return Buffer.concat([content, decipher.final()]).toString("utf8");
      } catch {
        return undefined; // Not of the database's nodes, or altered: as if it had not come.
      }
    },
  };

  function senderKey(from: string): Uint8Array {
    const known = senders.get(from);
    if (known !== undefined) return known;
    // Names may be made up by anyone.
    if (senders.size >= sendersMax) senders.clear();
    const made = keyOf(key, from);
    senders.set(from, made);
    return made;
  }
}

function keyOf(key: Uint8Array, name: string): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", key, name, "prokura hints", 32));
}
