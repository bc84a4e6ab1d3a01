// `:method: POST` and `:scheme: http` stand in the static table of HPACK.
const fixedHeaders = [0x83, 0x86];
const dynamicFirst = 62;

/**
 * The headers of gRPC requests on one connection: entered into the dynamic table by the first request,
 * and pointed to by all others, as clients do. A path that is not the first one's is sent as it is.
 */
export class RequestHeaders {
  readonly #rest: readonly Buffer[];
  #first: { readonly path: string; readonly later: Buffer; readonly others: Buffer } | undefined;

  constructor(authority: string, token: string | undefined) {
    this.#rest = [
      indexed(1, authority),
      indexed(31, "application/grpc"),
      named("te", "trailers"),
      indexed(58, "prokura-load/1"),
      ...(token === undefined ? [] : [indexed(23, `Bearer ${token}`)]),
    ];
  }

  blockOf(path: string): Buffer {
    const first = this.#first;
    if (first === undefined) return this.#enter(path);
    if (path === first.path) return first.later;
    return Buffer.concat([Buffer.from([...fixedHeaders, 0x04]), literal(path), first.others]);
  }

  #enter(path: string): Buffer {
    const entered = [indexed(4, path), ...this.#rest];
    // The last that was entered has the lowest number.
    const numbers = entered.map((_, at) => 0x80 | (dynamicFirst + entered.length - 1 - at));
    const later = Buffer.from([...fixedHeaders, ...numbers]);
    this.#first = { path, later, others: Buffer.from(numbers.slice(1)) };
    return Buffer.concat([Buffer.from(fixedHeaders), ...entered]);
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
