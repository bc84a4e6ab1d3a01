import { isIPv4, isIPv6 } from "node:net";

import type { IpAddress } from "./condition-value.ts";

/** An IPv4 or IPv6 address without zone; `undefined` where the text is none. */
export function parseIpAddress(text: string): IpAddress | undefined {
  if (isIPv4(text)) return { kind: "ipaddress", version: 4, bits: bitsOf(text.split("."), 10, 8n) };
  if (!isIPv6(text) || text.includes("%")) return undefined;
  return { kind: "ipaddress", version: 6, bits: bitsOf(groupsOf(text), 16, 16n) };
}

/** `undefined` where `cidr` is no range. An IPv4 address is in no range of IPv6, nor the other way. */
export function inCidr(address: IpAddress, cidr: string): boolean | undefined {
  const [, base, lengthText] = /^([^/]+)\/(0|[1-9]\d{0,2})$/.exec(cidr) ?? [];
  const range = base === undefined ? undefined : parseIpAddress(base);
  if (range === undefined) return undefined;
  const width = range.version === 4 ? 32 : 128;
  const length = Number(lengthText);
  if (length > width) return undefined;
  const shift = BigInt(width - length);
  return address.version === range.version && address.bits >> shift === range.bits >> shift;
}

/** The eight groups, the shortened run and a dotted tail written out. */
function groupsOf(text: string): string[] {
  const plain = text.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, a, b, c, d) => {
    const group = (high: unknown, low: unknown): string =>
      (Number(high) * 256 + Number(low)).toString(16);
    return `${group(a, b)}:${group(c, d)}`;
  });
  const [head, tail] = plain.split("::").map((part) => part.split(":").filter(Boolean));
  if (head === undefined || tail === undefined) return head ?? [];
  return [...head, ...Array<string>(8 - head.length - tail.length).fill("0"), ...tail];
}

function bitsOf(groups: readonly string[], radix: number, width: bigint): bigint {
  return groups.reduce(
    (bits, group) => (bits << width) | BigInt(Number.parseInt(group, radix)),
    0n,
  );
}
