import { experimental, ServerCredentials } from "@grpc/grpc-js";
import type { TlsSource } from "./tls.ts";

type Provider = Parameters<typeof experimental.createCertificateProviderServerCredentials>[0];
type Update = { readonly certificate: Buffer; readonly privateKey: Buffer } | null;

/** What a gRPC server listens with: in the clear, or by certificates that may change while it does. */
export function grpcCredentials(tls: TlsSource | undefined): ServerCredentials {
  if (tls === undefined) return ServerCredentials.createInsecure();
  const provider = providerOf(tls);
  // Of the two it takes the server's own certificate first, whatever its parameters are called.
  return experimental.createCertificateProviderServerCredentials(
    provider,
    tls.current.ca === undefined ? null : provider,
    false,
  );
}

function providerOf(tls: TlsSource): Provider {
  const identities = new Set<(update: Update) => void>();
  const authorities = new Set<(update: { readonly caCertificate: Buffer } | null) => void>();
  tls.follow(({ cert, key, ca }) => {
    for (const listener of identities) listener({ certificate: cert, privateKey: key });
    if (ca === undefined) return;
    for (const listener of authorities) listener({ caCertificate: ca });
  });
  return {
    addIdentityCertificateListener: (listener) => {
      identities.add(listener);
      const { cert, key } = tls.current;
      listener({ certificate: cert, privateKey: key });
    },
    removeIdentityCertificateListener: (listener) => void identities.delete(listener),
    addCaCertificateListener: (listener) => {
      authorities.add(listener);
      const { ca } = tls.current;
      if (ca !== undefined) listener({ caCertificate: ca });
    },
    removeCaCertificateListener: (listener) => void authorities.delete(listener),
  };
}
