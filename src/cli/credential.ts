import { readFile } from "node:fs/promises";
import type { ClientTls } from "../client/client.ts";
import { DomainError } from "../core/error.ts";
import { quote } from "../core/object.ts";
import { optional, parseText, type Flag, type FlagTable } from "./flag.ts";

/** How a command shows who calls, and how it knows the server. */
interface CredentialFlags extends FlagTable {
  readonly token: Flag<string | undefined>;
  readonly tlsCa: Flag<string | undefined>;
  readonly clientCertificate: Flag<string | undefined>;
  readonly clientKey: Flag<string | undefined>;
}

export const credentialFlags: CredentialFlags = {
  token: optional(
    {
      name: "token",
      value: "TOKEN",
      meaning: "an API key or a token, to show who calls",
      variable: "PROKURA_TOKEN",
    },
    parseToken,
  ),
  tlsCa: optional(
    {
      name: "tls-ca",
      value: "FILE",
      meaning: "speak TLS, and believe certificates of these authorities; `system`: the well-known",
      variable: "PROKURA_TLS_CA",
    },
    parseText,
  ),
  clientCertificate: optional(
    {
      name: "client-cert",
      value: "FILE",
      meaning: "the certificate that shows who calls, in PEM",
      variable: "PROKURA_CLIENT_CERT",
    },
    parseText,
  ),
  clientKey: optional(
    {
      name: "client-key",
      value: "FILE",
      meaning: "the certificate's key, in PEM",
      variable: "PROKURA_CLIENT_KEY",
    },
    parseText,
  ),
};

/** In whose name a delegator asks. A command line can be read by others: the variable cannot. */
export const proofTokenFlag: Flag<string | undefined> = optional(
  {
    name: "proof-token",
    value: "TOKEN",
    meaning: "a token of whoever it is for, where the caller is a delegator",
    variable: "PROKURA_PROOF_TOKEN",
  },
  parseToken,
);

/** `undefined`: in the clear. Fails with `malformed` where the flags do not go together, or a file cannot be read. */
export async function readTls(values: {
  readonly tlsCa: string | undefined;
  readonly clientCertificate: string | undefined;
  readonly clientKey: string | undefined;
}): Promise<ClientTls | undefined> {
  const { tlsCa, clientCertificate, clientKey } = values;
  if ((clientCertificate === undefined) !== (clientKey === undefined)) {
    throw new DomainError("malformed", "--client-cert and --client-key must be given together");
  }
  if (tlsCa === undefined) {
    if (clientCertificate === undefined) return undefined;
    throw new DomainError("malformed", "--client-cert needs --tls-ca: without TLS nobody sees it");
  }
  return {
    ...(tlsCa === "system" ? {} : { authority: await read(tlsCa, "--tls-ca") }),
    ...(clientCertificate === undefined || clientKey === undefined
      ? {}
      : {
          own: {
            certificate: await read(clientCertificate, "--client-cert"),
            key: await read(clientKey, "--client-key"),
          },
        }),
  };
}

/** What no header can carry is no token; it is not said again, for it may be one all but for a blank. */
function parseToken(text: string, field: string): string {
  if (/^[!-~]{1,16384}$/.test(text)) return text;
  throw new DomainError("malformed", `${field} must be one word of printable characters`, {
    field,
  });
}

async function read(file: string, flag: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (cause) {
    throw new DomainError("malformed", `${flag}: ${quote(file)} cannot be read`, { cause });
  }
}
