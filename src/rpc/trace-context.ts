const traceparent = /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}/;
const noTrace = "0".repeat(32);

/** The id of the client's trace (W3C Trace Context); `undefined` where the header names none. */
export function traceIdOf(header: string | undefined): string | undefined {
  if (header === undefined) return undefined;
  const id = traceparent.exec(header)?.[1];
  return id === noTrace ? undefined : id;
}
