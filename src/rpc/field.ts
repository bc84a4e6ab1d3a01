import { DomainError } from "../core/error.ts";

// Controls but tab and line ends, which people write into reasons; unpaired surrogates have no UTF-8.
// eslint-disable-next-line no-control-regex
const refusedInText = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]|\p{Cs}/u;

export function malformed(field: string, problem: string): DomainError {
  return new DomainError("malformed", `${field} ${problem}`, { field });
}

/** Text that is kept for people or handed back: it is not looked at, but it must be storable. */
export function textFromProto(text: string, bytesMax: number, field: string): string {
  if (text.length * 3 > bytesMax && Buffer.byteLength(text) > bytesMax) {
    throw malformed(field, `must have at most ${bytesMax} bytes, has ${Buffer.byteLength(text)}`);
  }
  if (refusedInText.test(text)) {
    throw malformed(field, "must not have control characters or unpaired surrogates");
  }
  return text;
}

/** As `textFromProto`, and the text must be there. */
export function requiredTextFromProto(text: string, bytesMax: number, field: string): string {
  if (text === "") throw malformed(field, "must be set");
  return textFromProto(text, bytesMax, field);
}

/** Fails with `limit_exceeded`. */
export function atMost(count: number, max: number, field: string): void {
  if (count <= max) return;
  throw new DomainError(
    "limit_exceeded",
    `${field} has ${count} elements, at most ${max} are taken`,
    {
      field,
    },
  );
}

/** The message of a field that must be there. */
export function required<Value>(value: Value | undefined, field: string): Value {
  if (value === undefined) throw malformed(field, "must be set");
  return value;
}
