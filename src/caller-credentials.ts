import { readFile } from "node:fs/promises";
import type { Config } from "./config.ts";
import { DomainError } from "./core/error.ts";
import { readKeySet } from "./identity/key-set.ts";
import { parseIssuers, type Issuers } from "./identity/parse-issuers.ts";
import { openTls, type TlsSource } from "./rpc/tls.ts";

/** Whose tokens are believed; nobody's where no file is given. Fails where the file, or one it names, is wrong. */
export async function openIssuers({ issuersFile }: Config): Promise<Issuers> {
  if (issuersFile === undefined) return { callers: [], subjects: [] };
  let text: string;
  try {
    text = await readFile(issuersFile, "utf8");
  } catch (cause) {
    throw new DomainError("malformed", `--issuers: \`${issuersFile}\` cannot be read`, { cause });
  }
  const issuers = parseIssuers(text, issuersFile);
  for (const { keys } of [...issuers.callers, ...issuers.subjects]) {
    // A key server that is away is no reason not to start; a file that is wrong is a mistake.
    if (keys.kind === "file") await readKeySet(keys.path);
  }
  return issuers;
}

/** The server's certificates; `undefined` where it is to listen in the clear. */
export async function openCertificates(
  config: Config,
  report: (error: unknown) => void,
): Promise<TlsSource | undefined> {
  const { tlsCertificateFile: certificate, tlsKeyFile: key, tlsClientCaFile } = config;
  if (certificate === undefined || key === undefined) return undefined;
  const authority = tlsClientCaFile === undefined ? {} : { clientAuthority: tlsClientCaFile };
  return await openTls({ certificate, key, ...authority }, report);
}
