/** Symbols by the length of their code in bits, from RFC 7541, appendix B; 256 is the end of a string. */
const symbolsByLength: readonly (readonly [number, string])[] = [
  [5, "48-50 97 99 101 105 111 115 116"],
  [6, "32 37 45-47 51-57 61 65 95 98 100 102-104 108-110 112 114 117"],
  [7, "58 66-87 89 106 107 113 118-122"],
  [8, "38 42 44 59 88 90"],
  [10, "33 34 40 41 63"],
  [11, "39 43 124"],
  [12, "35 62"],
  [13, "0 36 64 91 93 126"],
  [14, "94 125"],
  [15, "60 96 123"],
  [19, "92 195 208"],
  [20, "128 130 131 162 184 194 224 226"],
  [21, "153 161 167 172 176 177 179 209 216 217 227 229 230"],
  [
    22,
    "129 132-134 136 146 154 156 160 163 164 169 170 173 178 181 185-187 189 190 196 198 228 232 233",
  ],
  [
    23,
    "1 135 137-141 143 147 149-152 155 157 158 165 166 168 174 175 180 182 183 188 191 197 231 239",
  ],
  [24, "9 142 144 145 148 159 171 206 215 225 236 237"],
  [25, "199 207 234 235"],
  [26, "192 193 200-202 205 210 213 218 219 238 240 242 243 255"],
  [27, "203 204 211 212 214 221-223 241 244-248 250-254"],
  [28, "2-8 11 12 14-21 23-31 127 220 249"],
  [30, "10 13 22 256"],
];
const endOfString = 256;
const paddingBitsMax = 7;

// A tree in one array: the two children of node n stand at 2n and 2n + 1. A leaf is -1 - symbol, and
// nothing is 0, for no child is the root.
const tree: Int16Array = growTree();

/**
 * Decodes the text, Latin-1 as header fields are. `undefined` where the bytes are no code: the end of
 * a string within it, or padding that is too long or has a zero.
 */
export function decodeHuffman(bytes: Buffer, start: number, end: number): string | undefined {
  let text = "";
  let node = 0;
  let bits = 0;
  let ones = true;
  for (let at = start; at < end; at += 1) {
    const byte = bytes[at] ?? 0;
    for (let shift = 7; shift >= 0; shift -= 1) {
      const bit = (byte >> shift) & 1;
      const next = tree[2 * node + bit] ?? 0;
      if (next >= 0) {
        node = next;
        bits += 1;
        ones &&= bit === 1;
        continue;
      }
      const symbol = -1 - next;
      if (symbol === endOfString) return undefined;
      text += String.fromCharCode(symbol);
      node = 0;
      bits = 0;
      ones = true;
    }
  }
  return bits <= paddingBitsMax && ones ? text : undefined;
}

/** The code is canonical: shorter codes come first, and among equals the smaller symbol. */
function growTree(): Int16Array {
  const grown = new Int16Array(2 * 257);
  let nodes = 1;
  let code = 0;
  let length = 0;
  for (const [bits, symbols] of symbolsByLength) {
    for (const symbol of numbersOf(symbols)) {
      code *= 2 ** (bits - length);
      length = bits;
      let node = 0;
      for (let shift = bits - 1; shift > 0; shift -= 1) {
        const slot = 2 * node + (Math.floor(code / 2 ** shift) % 2);
        if (grown[slot] === 0) {
          grown[slot] = nodes;
          nodes += 1;
        }
        node = grown[slot] ?? 0;
      }
      grown[2 * node + (code % 2)] = -1 - symbol;
      code += 1;
    }
  }
  return grown;
}

function* numbersOf(text: string): Generator<number> {
  for (const part of text.split(" ")) {
    const [from = 0, to = from] = part.split("-").map(Number);
    for (let number = from; number <= to; number += 1) yield number;
  }
}
