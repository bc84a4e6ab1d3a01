const unitsMs: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1000,
  m: 1,
  u: 0.001,
  n: 0.000001,
};
// A timer that is set for longer fires at once.
const timeoutMsMax = 2 ** 31 - 1;

/** Milliseconds of a `grpc-timeout` header, a fraction cut off; `undefined` where it is none. */
export function parseGrpcTimeout(text: string): number | undefined {
  const match = /^([0-9]{1,8})([HMSmun])$/.exec(text);
  const unitMs = unitsMs[match?.[2] ?? ""];
  if (unitMs === undefined) return undefined;
  return Math.min(Math.trunc(Number(match?.[1]) * unitMs), timeoutMsMax);
}
