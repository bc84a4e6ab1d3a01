import { readFile } from "node:fs/promises";
import { createSecureContext } from "node:tls";
import { DomainError } from "../core/error.ts";

/** Where the server's certificate is, and whose client certificates are believed; all in PEM. */
export interface TlsFiles {
  readonly certificate: string;
  readonly key: string;
  /** Absent: clients are not asked for certificates. */
  readonly clientAuthority?: string;
}

/** What is in the files. */
export interface TlsMaterial {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly ca?: Buffer;
}

/** Certificates that are read again when they change. */
export interface TlsSource extends Disposable {
  readonly current: TlsMaterial;
  /** Calls at once, and then whenever there is something new. */
  follow(listener: (material: TlsMaterial) => void): void;
}

const rereadMsDefault = 5_000;

/**
 * Reads the files, and again every few seconds: they may be links that are switched, which no watcher
 * tells. What cannot be used is reported and left, the old goes on. Fails with `not_supported` where
 * there is nothing to begin with.
 */
export async function openTls(
  files: TlsFiles,
  report: (error: unknown) => void,
  rereadMs: number = rereadMsDefault,
): Promise<TlsSource> {
  let current = await readMaterial(files);
  const listeners: ((material: TlsMaterial) => void)[] = [];
  const reread = async (): Promise<void> => {
    try {
      const material = await readMaterial(files);
      if (isSame(material, current)) return;
      current = material;
      for (const listener of listeners) listener(material);
    } catch (error) {
      report(error);
    }
  };
  let running = Promise.resolve();
  const timer = setInterval(() => {
    running = running.then(reread);
  }, rereadMs);
  timer.unref();
  return {
    get current() {
      return current;
    },
    follow: (listener) => {
      listeners.push(listener);
      listener(current);
    },
    [Symbol.dispose]: () => clearInterval(timer),
  };
}

/** Who has no certificate may have a token: what is shown is looked at with each call. */
export function secureOptions({ current }: TlsSource): SecureOptions {
  const requestCert = current.ca !== undefined;
  return { ...current, requestCert, rejectUnauthorized: false, minVersion: "TLSv1.2" };
}

interface SecureOptions extends TlsMaterial {
  readonly requestCert: boolean;
  readonly rejectUnauthorized: false;
  readonly minVersion: "TLSv1.2";
}

async function readMaterial(files: TlsFiles): Promise<TlsMaterial> {
  try {
    const [cert, key] = await Promise.all([readFile(files.certificate), readFile(files.key)]);
    const material =
      files.clientAuthority === undefined
        ? { cert, key }
        : { cert, key, ca: await readFile(files.clientAuthority) };
    createSecureContext(material); // A key that is not the certificate's shows here.
    return material;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : "";
    throw new DomainError("not_supported", `the certificates cannot be used: ${why}`, { cause });
  }
}

function isSame(left: TlsMaterial, right: TlsMaterial): boolean {
  return (
    left.cert.equals(right.cert) &&
    left.key.equals(right.key) &&
    (left.ca?.equals(right.ca ?? Buffer.alloc(0)) ?? right.ca === undefined)
  );
}
