// `:method: POST` and `:scheme: http` stand in the static table of HPACK.
const fixedHeaders = [0x83, 0x86];
const dynamicFirst = 62;

/**
 * The headers of gRPC requests on one connection: entered into the dynamic table by the first request,
 * and pointed to by all others, as clients do. A path that is not the first one's is sent as it is.
 */
export class RequestHeaders {
  readonly #first: Buffer;
  readonly #path: string;
  readonly #later: Buffer;
  readonly #rest: Buffer;
  #sent = false;

  constructor(path: string, authority: string, token: string | undefined) {
    const entered = [
      indexed(4, path),
      indexed(1, authority),
      indexed(31, "application/grpc"),
      named("te", "trailers"),
      indexed(58, "prokura-load/1"),
      ...(token === undefined ? [] : [indexed(23, `Bearer ${token}`)]),
    ];
    // The last that was entered has the lowest number.
    const numbers = entered.map((_, at) => 0x80 | (dynamicFirst + entered.length - 1 - at));
    this.#path = path;
    this.#first = Buffer.concat([Buffer.from(fixedHeaders), ...entered]);
    this.#later = Buffer.from([...fixedHeaders, ...numbers]);
    this.#rest = Buffer.from(numbers.slice(1));
  }

  blockOf(path: string): Buffer {
    if (!this.#sent) {
      this.#sent = true;
      if (path !== this.#path) throw new RangeError("the first request is of another path");
      return this.#first;
    }
    if (path === this.#path) return this.#later;
    return Buffer.concat([Buffer.from([...fixedHeaders, 0x04]), literal(path), this.#rest]);
  }
}

function indexed(name: number, value: string): Buffer {
  return Buffer.concat([Buffer.from([0x40 | name]), literal(value)]);
}

function named(name: string, value: string): Buffer {
  return Buffer.concat([Buffer.from([0x40]), literal(name), literal(value)]);
}

/** A string of HPACK, not in Huffman's code; at most 253 bytes. */
function literal(text: string): Buffer {
  const bytes = Buffer.from(text);
  if (bytes.length > 253) throw new RangeError("too long for this load generator");
  const length = bytes.length < 127 ? [bytes.length] : [127, bytes.length - 127];
  return Buffer.concat([Buffer.from(length), bytes]);
}
