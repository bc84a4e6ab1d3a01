import { DomainError } from "./error.ts";

declare const brand: unique symbol;

/** An object's id: 1 to 512 bytes of UTF-8, no control characters, not `*`. Nothing is normalised. */
export type ObjectId = string & { readonly [brand]: "ObjectId" };
/** Name of a type, a relation or a condition: `[A-Za-z][A-Za-z0-9_-]{0,63}`. */
export type Name = string & { readonly [brand]: "Name" };

/** A thing that relations are about. Two objects are one if type and id are equal, byte by byte. */
export interface ObjectRef {
  readonly type: Name;
  readonly id: ObjectId;
}

const nameLengthMax = 64;
const idBytesMax = 512;
// C0, DEL and C1: what `Cc` covers. Unpaired surrogates have no UTF-8 form.
const refusedInId = /[\p{Cc}]|\p{Cs}/u;

/** `field` is the path that the error names. */
export function parseName(text: string, field: string): Name {
  if (!isName(text)) {
    throw new DomainError(
      "malformed",
      `${field} must match [A-Za-z][A-Za-z0-9_-]{0,63}, got ${quote(text)}`,
      { field },
    );
  }
  return text as Name;
}

export function parseObjectId(text: string, field: string): ObjectId {
  const problem = problemOfId(text);
  if (problem !== undefined) {
    throw new DomainError("malformed", `${field} ${problem}`, { field });
  }
  return text as ObjectId;
}

export function parseObject(type: string, id: string, field: string): ObjectRef {
  return { type: parseName(type, `${field}.type`), id: parseObjectId(id, `${field}.id`) };
}

/**
 * Reads the text form `type:id`: the type ends at the first `:`, the id is percent-encoded where it
 * must be. Inverse of `formatObject`.
 */
export function parseObjectText(text: string, field: string): ObjectRef {
  const colon = text.indexOf(":");
  if (colon < 0) {
    throw new DomainError("malformed", `${field} must read type:id, got ${quote(text)}`, { field });
  }
  return parseObject(text.slice(0, colon), decodeId(text.slice(colon + 1), field), field);
}

export function formatObject(object: ObjectRef): string {
  return `${object.type}:${encodeId(object.id)}`;
}

export function sameObject(left: ObjectRef, right: ObjectRef): boolean {
  return left.id === right.id && left.type === right.type;
}

/**
 * Encodes `%`, `#`, `@`, `*`, white space and controls; everything else stays readable. A reader
 * also takes a plain `@`, which is nowhere ambiguous.
 */
function encodeId(id: string): string {
  return id.replace(/[%#@*\s\p{Cc}]/gu, (character) => encodeURIComponentStrict(character));
}

function decodeId(text: string, field: string): string {
  if (/[#*\s]/u.test(text)) {
    throw new DomainError(
      "malformed",
      `${field} has "#", "*" or white space unencoded in ${quote(text)}, write %23, %2A or %20`,
      { field },
    );
  }
  try {
    return decodeURIComponent(text);
  } catch (cause) {
    throw new DomainError("malformed", `${field} has a broken percent-encoding in ${quote(text)}`, {
      field,
      cause,
    });
  }
}

/** Quotes what a user wrote, shortened and on one line. */
export function quote(text: string): string {
  const shown = text.length > 80 ? `${text.slice(0, 80)}…` : text;
  return `\`${shown.replace(/[\p{Cc}\p{Cs}]/gu, "?").replaceAll("`", "'")}\``;
}

function encodeURIComponentStrict(character: string): string {
  return [...Buffer.from(character, "utf8")]
    .map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`)
    .join("");
}

/** Every check reads a dozen names and ids: loops over their characters take half of a pattern's time. */
function isName(text: string): boolean {
  if (text.length === 0 || text.length > nameLengthMax) return false;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    const isLetter = (code >= 0x61 && code <= 0x7a) || (code >= 0x41 && code <= 0x5a);
    if (isLetter) continue;
    const isLater = (code >= 0x30 && code <= 0x39) || code === 0x5f || code === 0x2d;
    if (!isLater || at === 0) return false;
  }
  return true;
}

/** Whether the text is printable ASCII, of which one character is one byte. */
function isPlain(text: string): boolean {
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code < 0x20 || code > 0x7e) return false;
  }
  return true;
}

function problemOfId(text: string): string | undefined {
  if (text.length > 1 && text.length <= idBytesMax && isPlain(text)) return undefined;
  if (text === "") return "must not be empty";
  if (text === "*") return "must not be `*`, a wildcard is a subject of its own kind";
  // A UTF-16 unit takes at most three bytes, so most ids need no counting.
  if (text.length * 3 > idBytesMax && Buffer.byteLength(text) > idBytesMax) {
    return `must have at most ${idBytesMax} bytes, has ${Buffer.byteLength(text)}`;
  }
  if (refusedInId.test(text)) return "must not have control characters or unpaired surrogates";
  return undefined;
}
