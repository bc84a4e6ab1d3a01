import { DomainError } from "../core/error.ts";
import type { Access } from "../core/decision.ts";
import { parseName, parseObjectText } from "../core/object.ts";
import { parseJsonObject } from "./tuple-line.ts";

/**
 * Reads one resource of a call: `[ROLE=]TYPE:ID[#PERMISSION][ with {"name": value}]`, as in
 * `document:plan`, `source=document:plan#viewer`.
 */
export function parseAccess(text: string, field: string): Access {
  const [whole, context] = splitContext(text, field);
  const [, role] = /^([^=:]*)=/.exec(whole) ?? [];
  const unnamed = role === undefined ? whole : whole.slice(role.length + 1);
  const hash = unnamed.indexOf("#");
  const objectText = hash < 0 ? unnamed : unnamed.slice(0, hash);
  return {
    resource: parseObjectText(objectText, field),
    ...(role === undefined ? {} : { role: parseName(role, `${field} role`) }),
    ...(hash < 0 ? {} : { permission: parseName(unnamed.slice(hash + 1), `${field} permission`) }),
    context,
  };
}

/** `--role` names the role of the one resource there is. */
export function withRole(accesses: readonly Access[], role: string | undefined): readonly Access[] {
  if (role === undefined) return accesses;
  const [access] = accesses;
  if (access === undefined || accesses.length > 1 || access.role !== undefined) {
    throw new DomainError(
      "malformed",
      "--role goes with exactly one --resource, write --resource ROLE=TYPE:ID for several",
    );
  }
  return [{ ...access, role }];
}

function splitContext(text: string, field: string): readonly [string, Access["context"]] {
  const separator = " with ";
  const start = text.indexOf(separator);
  if (start < 0) return [text, {}];
  return [text.slice(0, start), parseJsonObject(text.slice(start + separator.length), field)];
}
