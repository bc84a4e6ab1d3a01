import { DomainError } from "../core/error.ts";

const prefixBytes = 5;

/** One message as it came over the wire. */
export interface FramedMessage {
  readonly isCompressed: boolean;
  readonly bytes: Buffer;
}

/** Puts the chunks of a stream together to the messages that they are made of. */
export class MessageReader {
  readonly #bytesMax: number;
  #chunks: Buffer[] = [];
  #bytesHeld = 0;
  #bytesWanted = prefixBytes;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** The messages that the chunk completes. Fails with `limit_exceeded` before any of one is kept. */
  push(chunk: Buffer): readonly FramedMessage[] {
    this.#chunks.push(chunk);
    this.#bytesHeld += chunk.length;
    // Chunks of a large message are put together once.
    if (this.#bytesHeld < this.#bytesWanted) return [];
    const bytes = this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks, this.#bytesHeld);
    const messages: FramedMessage[] = [];
    let at = 0;
    for (;;) {
      const left = bytes.length - at;
      this.#bytesWanted = left < prefixBytes ? prefixBytes : this.#messageBytes(bytes, at);
      if (left < this.#bytesWanted) break;
      const end = at + this.#bytesWanted;
      messages.push({
        isCompressed: bytes[at] === 1,
        bytes: bytes.subarray(at + prefixBytes, end),
      });
      at = end;
    }
    this.#chunks = at === bytes.length ? [] : [bytes.subarray(at)];
    this.#bytesHeld = bytes.length - at;
    return messages;
  }

  /** With its prefix. */
  #messageBytes(bytes: Buffer, at: number): number {
    const length = bytes.readUInt32BE(at + 1);
    if (length <= this.#bytesMax) return prefixBytes + length;
    const problem = `Received message larger than max (${length} vs ${this.#bytesMax})`;
    throw new DomainError("limit_exceeded", problem);
  }
}

/** A message with its prefix, not compressed. */
export function frameMessage(message: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(prefixBytes + message.length);
  framed[0] = 0;
  framed.writeUInt32BE(message.length, 1);
  framed.set(message, prefixBytes);
  return framed;
}

/** The room that a prefix takes. */
export { prefixBytes as framePrefixBytes };
