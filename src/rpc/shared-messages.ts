import type { Call } from "../core/decision.ts";

/** Of these, so many are kept of late, and as many from before. */
const keptMax = 4_096;
const keptBytesMax = 1_024;
/** Of so many hashes it is remembered that their bytes came once. */
const seenMax = 16_384;

/** What follows from a message that is shared, made when it is first asked for. */
export interface Derived {
  call: Call | undefined;
}

const derived = new WeakMap<object, Derived>();

/** Where what follows from the message is kept; `undefined` where the message itself is not. */
export function derivedOf(message: object): Derived | undefined {
  return derived.get(message);
}

interface Entry<Message> {
  readonly bytes: Uint8Array;
  readonly message: Message;
}

/**
 * Messages by the bytes that they were read from. Questions come again: from the second time on equal
 * bytes are one message, which must not be changed, and is not read again.
 */
export class SharedMessages<Message extends object> {
  #late = new Map<number, Entry<Message>>();
  #before = new Map<number, Entry<Message>>();
  readonly #seen = new Int32Array(seenMax);
  #hash = 0;

  /** To be called before `offer`. */
  find(bytes: Uint8Array, start: number, end: number): Message | undefined {
    if (end - start > keptBytesMax) return undefined;
    const hash = hashOf(bytes, start, end);
    this.#hash = hash;
    const late = this.#late.get(hash);
    if (late !== undefined) return isSame(late.bytes, bytes, start, end) ? late.message : undefined;
    const before = this.#before.get(hash);
    if (before === undefined || !isSame(before.bytes, bytes, start, end)) return undefined;
    this.#before.delete(hash);
    this.#add(hash, before);
    return before.message;
  }

  /** The message that was read from the bytes that were not found just now. */
  offer(bytes: Uint8Array, start: number, end: number, message: Message): void {
    if (end - start > keptBytesMax) return;
    const hash = this.#hash;
    const slot = hash & (seenMax - 1);
    if (this.#seen[slot] !== hash) {
      this.#seen[slot] = hash;
      return;
    }
    derived.set(message, { call: undefined });
    // A copy: the `slice` of a Buffer would be a part of the chunk that it came in, and hold on to it.
    this.#add(hash, { bytes: new Uint8Array(bytes.subarray(start, end)), message });
  }

  #add(hash: number, entry: Entry<Message>): void {
    if (this.#late.size >= keptMax) {
      this.#before = this.#late;
      this.#late = new Map();
    }
    this.#late.set(hash, entry);
  }
}

/** FNV-1a, cut to what V8 keeps in a word of its own. Bytes of one hash drive each other out, no more. */
function hashOf(bytes: Uint8Array, start: number, end: number): number {
  let hash = 0x811c9dc5;
  for (let at = start; at < end; at += 1) hash = Math.imul(hash ^ (bytes[at] ?? 0), 0x01000193);
  return (hash ^ (hash >>> 15)) & 0x3fffffff;
}

function isSame(kept: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (kept.length !== end - start) return false;
  for (let at = 0; at < kept.length; at += 1) {
    if (kept[at] !== bytes[start + at]) return false;
  }
  return true;
}
