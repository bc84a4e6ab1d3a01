import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { exportJWK, SignJWT } from "jose";

export const issuerName = "https://login.example.com";

/** An issuer with one key at a time, which it keeps in a file. */
export interface TestIssuer {
  readonly keyFile: string;
  readonly publicKey: () => KeyObject;
  /** Signs what is given over the claims of a good token for `audience`. */
  token(audience: string, claims?: object, keyId?: string): Promise<string>;
  /** Takes a new key, and writes it in place of the old one. */
  rotate(): Promise<void>;
  /** The key set, as a server would send it. */
  keySet(): Promise<string>;
}

export async function startIssuer(): Promise<TestIssuer> {
  const keyFile = join(await mkdtemp(join(tmpdir(), "prokura-issuer-")), "keys.json");
  let count = 0;
  let pair = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const keySet = async (): Promise<string> => {
    const key = await exportJWK(pair.publicKey);
    return JSON.stringify({ keys: [{ ...key, kid: `k${count}`, alg: "RS256", use: "sig" }] });
  };
  await writeFile(keyFile, await keySet());
  return {
    keyFile,
    publicKey: () => pair.publicKey,
    keySet,
    token: async (audience, claims = {}, keyId = `k${count}`) => {
      const now = Math.floor(Date.now() / 1_000);
      const good = { iss: issuerName, sub: "alice", aud: audience, iat: now, exp: now + 300 };
      return await new SignJWT({ ...good, ...claims })
        .setProtectedHeader({ alg: "RS256", kid: keyId })
        .sign(pair.privateKey);
    },
    rotate: async () => {
      count += 1;
      pair = generateKeyPairSync("rsa", { modulusLength: 2048 });
      await writeFile(keyFile, await keySet());
    },
  };
}
