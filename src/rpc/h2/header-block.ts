import { staticFields } from "./static-fields.ts";

const indexByName = new Map<string, number>();
const indexByField = new Map<string, number>();
for (const [position, { name, value }] of staticFields.entries()) {
  if (!indexByName.has(name)) indexByName.set(name, position + 1);
  indexByField.set(`${name}\n${value}`, position + 1);
}

/**
 * Encodes fields without a table of its own and without Huffman's code: the same fields are always the
 * same bytes, which are made once for all connections. Values are ASCII.
 */
export function encodeFields(fields: readonly (readonly [string, string])[]): Buffer {
  return Buffer.concat(fields.map(([name, value]) => encodeField(name, value)));
}

/** Tells the other side that no table is used: due where it asked for a smaller one. */
export const noTable: Buffer = Buffer.from([0x20]);

function encodeField(name: string, value: string): Buffer {
  const whole = indexByField.get(`${name}\n${value}`);
  if (whole !== undefined) return encodeInteger(0x80, 7, whole);
  const index = indexByName.get(name);
  const named =
    index === undefined
      ? Buffer.concat([Buffer.from([0]), encodeText(name)])
      : encodeInteger(0, 4, index);
  return Buffer.concat([named, encodeText(value)]);
}

function encodeText(text: string): Buffer {
  const bytes = Buffer.from(text, "latin1");
  return Buffer.concat([encodeInteger(0, 7, bytes.length), bytes]);
}

function encodeInteger(first: number, prefixBits: number, value: number): Buffer {
  const mask = 2 ** prefixBits - 1;
  if (value < mask) return Buffer.from([first | value]);
  const bytes = [first | mask];
  let left = value - mask;
  for (; left >= 128; left = Math.floor(left / 128)) bytes.push((left % 128) | 0x80);
  bytes.push(left);
  return Buffer.from(bytes);
}
