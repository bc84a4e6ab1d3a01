import type { MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs, durationMs, timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { Duration, DurationSchema, Timestamp, TimestampSchema } from "@bufbuild/protobuf/wkt";

/** Milliseconds since 1970, as they are sent. */
export function timeToProto(timeMs: number): MessageInitShape<typeof TimestampSchema> {
  return timestampFromMs(timeMs);
}

/** Milliseconds since 1970, rounded down. */
export function timeFromProto({ seconds, nanos }: Timestamp): number {
  return Number(seconds) * 1000 + Math.floor(nanos / 1_000_000);
}

/** Milliseconds, as they are sent. */
export function durationToProto(lengthMs: number): MessageInitShape<typeof DurationSchema> {
  return durationFromMs(lengthMs);
}

/** Milliseconds, with what is left below one. */
export function durationFromProto(duration: Duration): number {
  return durationMs(duration);
}
