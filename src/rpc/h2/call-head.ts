import type { CallHead } from "../call-stream.ts";
import type { Field } from "./hpack-decoder.ts";

// Of a connection, not of a request: they have no meaning in HTTP/2 (RFC 9113, 8.2.2).
const refusedNames: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
]);
const name = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
// eslint-disable-next-line no-control-regex
const refusedInValue = /[\u0000\n\r]/;

/** `undefined` where the fields are those of no request. Of a field that comes twice the first counts. */
export function callHeadOf(fields: readonly Field[]): CallHead | undefined {
  const pseudo = new Map<string, string>();
  const others = new Map<string, string>();
  for (const field of fields) {
    if (refusedInValue.test(field.value)) return undefined;
    if (field.name.startsWith(":")) {
      if (others.size > 0 || pseudo.has(field.name)) return undefined;
      pseudo.set(field.name, field.value);
      continue;
    }
    if (!name.test(field.name) || refusedNames.has(field.name)) return undefined;
    if (field.name === "te" && field.value !== "trailers") return undefined;
    if (!others.has(field.name)) others.set(field.name, field.value);
  }
  const path = pseudo.get(":path") ?? "";
  const isPlain = [...pseudo.keys()].every((key) => requestPseudo.has(key));
  if (!isPlain || path === "" || pseudo.get(":scheme") === undefined) return undefined;
  // Whatever is not asked by POST is no gRPC, and is told so.
  const isPost = pseudo.get(":method") === "POST";
  return {
    path,
    contentType: isPost ? others.get("content-type") : undefined,
    authorization: others.get("authorization"),
    timeout: others.get("grpc-timeout"),
    encoding: others.get("grpc-encoding"),
    traceparent: others.get("traceparent"),
  };
}

const requestPseudo: ReadonlySet<string> = new Set([":method", ":scheme", ":authority", ":path"]);
