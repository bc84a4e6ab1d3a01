/**
 * Reads messages field by field where they have their usual form. What is unusual it does not read:
 * fields that its user does not know, text that is not ASCII, numbers from 2^28 on, bytes that are no
 * message. `isPlain` is then false, and the message is to be read from its start by somebody slower.
 */
export class WireReader {
  readonly #bytes: Buffer;
  #at = 0;
  #end: number;
  #isPlain = true;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    this.#end = bytes.length;
  }

  get isPlain(): boolean {
    return this.#isPlain;
  }

  /** The next tag; 0 at the end of the message, and once something was unusual. */
  tag(): number {
    if (!this.#isPlain || this.#at === this.#end) return 0;
    const tag = this.number();
    if (tag === 0) this.refuse();
    return tag;
  }

  /** Begins a message within the message. What is returned goes to `leave` at its end. */
  enter(): number {
    const outer = this.#end;
    this.#end = this.#endOfLength();
    return outer;
  }

  leave(outer: number): void {
    this.#end = outer;
  }

  /** Where it stands, after `enter` at the start of a message. */
  get at(): number {
    return this.#at;
  }

  /** After `enter`, the end of the message. */
  get end(): number {
    return this.#end;
  }

  /** Goes on behind the message that was entered. */
  skip(): void {
    this.#at = this.#end;
  }

  text(): string {
    const end = this.#endOfLength();
    const start = this.#at;
    this.#at = end;
    const bytes = this.#bytes;
    let hash = end - start;
    for (let at = start; at < end; at += 1) {
      const byte = bytes[at] ?? 0;
      if (byte >= 0x80) {
        this.refuse();
        return "";
      }
      hash = Math.imul(hash ^ byte, 0x01000193);
    }
    return end - start > keptLengthMax
      ? bytes.toString("latin1", start, end)
      : keptText(bytes, start, end, (hash ^ (hash >>> 15)) & (keptMax - 1));
  }

  number(): number {
    let value = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      if (this.#at === this.#end) break;
      const byte = this.#bytes[this.#at] ?? 0;
      this.#at += 1;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    this.refuse();
    return 0;
  }

  /** Something is unusual. */
  refuse(): void {
    this.#isPlain = false;
  }

  #endOfLength(): number {
    const length = this.number();
    if (length <= this.#end - this.#at) return this.#at + length;
    this.refuse();
    return this.#at;
  }
}

// The same names come again and again. A text that is kept costs no new one, and a map that it was
// looked up in before finds it again without hashing it.
const keptMax = 8192;
const keptLengthMax = 64;
const keptTexts: string[] = Array.from({ length: keptMax }, () => "");

/** The text of the bytes, which are ASCII. `slot` follows from them. */
function keptText(bytes: Buffer, start: number, end: number, slot: number): string {
  const kept = keptTexts[slot] ?? "";
  if (kept.length === end - start && isText(kept, bytes, start)) return kept;
  const text = bytes.toString("latin1", start, end);
  keptTexts[slot] = text;
  return text;
}

function isText(text: string, bytes: Buffer, start: number): boolean {
  for (let at = 0; at < text.length; at += 1) {
    if (text.charCodeAt(at) !== bytes[start + at]) return false;
  }
  return true;
}
