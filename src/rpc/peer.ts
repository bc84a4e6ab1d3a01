import type { Duplex } from "node:stream";
import { TLSSocket, type PeerCertificate } from "node:tls";
import type { Peer } from "./authenticate.ts";

const spiffeId = /^URI:(spiffe:\/\/[a-z0-9._-]{1,255}(?:\/[A-Za-z0-9._-]+)+)$/;
const idBytesMax = 512;
const peers = new WeakMap<Duplex, { readonly peer: Peer | undefined }>();

/** Who is at the other end of the connection, read once; `undefined` without a certificate that was checked. */
export function peerOf(socket: Duplex): Peer | undefined {
  if (!(socket instanceof TLSSocket)) return undefined;
  const known = peers.get(socket);
  if (known !== undefined) return known.peer;
  const peer = socket.authorized ? peerOfCertificate(socket.getPeerCertificate()) : undefined;
  peers.set(socket, { peer });
  return peer;
}

/**
 * Of a certificate that was checked. It must have exactly one URI, a SPIFFE id; else it names nobody.
 * Node quotes what might be read as several names: a certificate with such a name names nobody.
 */
function peerOfCertificate(certificate: PeerCertificate): Peer | undefined {
  const { subjectaltname: names, valid_to: validTo } = certificate;
  if (names === undefined || names.includes('"')) return undefined;
  const uris = names.split(", ").filter((name) => name.startsWith("URI:"));
  const uri = spiffeId.exec(uris[0] ?? "")?.[1];
  const validUntilMs = Date.parse(validTo);
  if (uris.length !== 1 || uri === undefined || uri.length > idBytesMax) return undefined;
  return Number.isNaN(validUntilMs) ? undefined : { uri, validUntilMs };
}
