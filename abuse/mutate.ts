import type { Random } from "./random.ts";

/** Bytes that were right, with something wrong about them. */
export function damaged(random: Random, good: Buffer, other: Buffer): Buffer {
  switch (random.below(6)) {
    case 0:
      return good.subarray(0, random.below(good.length + 1));
    case 1:
      return flipped(random, good, 1);
    case 2:
      return flipped(random, good, 1 + random.below(16));
    case 3:
      return Buffer.concat([good.subarray(0, random.below(good.length + 1)), other]);
    case 4: {
      const at = random.below(good.length + 1);
      return Buffer.concat([good.subarray(0, at), random.bytes(4), good.subarray(at)]);
    }
    default:
      return random.bytes(random.below(200));
  }
}

function flipped(random: Random, good: Buffer, count: number): Buffer {
  const bytes = Buffer.from(good);
  for (let flips = 0; flips < count && bytes.length > 0; flips += 1) {
    const at = random.below(bytes.length);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
  }
  return bytes;
}

/** JSON that no grammar of ours made. */
export function randomJson(random: Random, depth = 0): string {
  const inner = (): string => randomJson(random, depth + 1);
  switch (random.below(depth > 4 ? 6 : 9)) {
    case 0:
      return "null";
    case 1:
      return random.pick(["0", "-1", "1e999", "9007199254740993", "01", ".5"]);
    case 2:
      return random.pick(["true", "false", "tru"]);
    case 3:
      return JSON.stringify(random.bytes(random.below(12)).toString("latin1"));
    case 4:
      return '"\\ud800"';
    case 5:
      return random.pick(['"tool"', '""', "{}", "[]", "{", '"']);
    case 6:
      return `[${inner()},${inner()}]`;
    case 7:
      return `{"tool":${inner()},"actors":${inner()},"${random.below(9)}":${inner()}}`;
    default:
      return `{"items":[${inner()}],"tenant":${inner()}}`;
  }
}
