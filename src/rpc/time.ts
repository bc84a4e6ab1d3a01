import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Duration, DurationSchema, Timestamp, TimestampSchema } from "@bufbuild/protobuf/wkt";
import { malformed } from "./field.ts";

// 0001-01-01T00:00:00Z to 9999-12-31T23:59:59Z, which is what protobuf lets a timestamp be.
const secondsMin = -62_135_596_800n;
const secondsMax = 253_402_300_799n;
const durationSecondsMax = 315_576_000_000n;
const nanosMax = 999_999_999;

/** Milliseconds since 1970, rounded down: what ends at it never ends late. */
export function timestampFromProto(timestamp: Timestamp, field: string): number {
  const { seconds, nanos } = timestamp;
  if (seconds < secondsMin || seconds > secondsMax || nanos < 0 || nanos > nanosMax) {
    throw malformed(field, "must lie in the years 1 to 9999, with 0 to 999,999,999 nanoseconds");
  }
  return Number(seconds) * 1000 + Math.floor(nanos / 1e6);
}

export function timestampToProto(timeMs: number): MessageInitShape<typeof TimestampSchema> {
  const seconds = Math.floor(timeMs / 1000);
  return { seconds: BigInt(seconds), nanos: Math.floor(timeMs - seconds * 1000) * 1_000_000 };
}

/** Milliseconds, rounded towards 0. */
export function durationFromProto(duration: Duration, field: string): number {
  const { seconds, nanos } = duration;
  const mixed = (seconds > 0n && nanos < 0) || (seconds < 0n && nanos > 0);
  const outside = seconds > durationSecondsMax || seconds < -durationSecondsMax;
  if (mixed || outside || Math.abs(nanos) > nanosMax) {
    throw malformed(
      field,
      "must be at most 10,000 years, with seconds and nanoseconds of one sign",
    );
  }
  return Number(seconds) * 1000 + Math.trunc(nanos / 1e6);
}

export function durationToProto(durationMs: number): MessageInitShape<typeof DurationSchema> {
  const seconds = Math.trunc(durationMs / 1000);
  return {
    seconds: BigInt(seconds),
    nanos: Math.trunc((durationMs - seconds * 1000) * 1_000) * 1_000,
  };
}
