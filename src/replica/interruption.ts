import { DomainError } from "../core/error.ts";

/** What the promise gives, unless the signal comes first: then a rejection with `interrupted`. */
export async function untilAborted<Value>(
  promise: Promise<Value>,
  signal: AbortSignal | undefined,
): Promise<Value> {
  if (signal === undefined) return promise;
  if (signal.aborted) throw interrupted(signal);
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(interrupted(signal));
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** `deadline_exceeded` where the signal is that of a timeout, else `cancelled`, or the reason itself. */
export function interrupted(signal: AbortSignal): DomainError {
  const cause: unknown = signal.reason;
  if (cause instanceof DomainError) return cause;
  return cause instanceof Error && cause.name === "TimeoutError"
    ? new DomainError("deadline_exceeded", "the deadline of the request has passed", { cause })
    : new DomainError("cancelled", "the request was cancelled", { cause });
}
