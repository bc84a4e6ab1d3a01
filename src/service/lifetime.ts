import { DomainError } from "../core/error.ts";
import type { Lifetime } from "./delegations.ts";

/** How long a delegation lives. */
export interface LifetimeSettings {
  readonly defaultMs: number;
  readonly maxMs: number;
}

/**
 * Settles when a delegation ends; `undefined` is never. `latestMs` is the earliest end of its
 * ancestors: a default is cut to it, what was asked for beyond it is refused.
 */
export function settleExpiry(
  lifetime: Lifetime,
  settings: LifetimeSettings,
  nowMs: number,
  latestMs: number | undefined,
): number | undefined {
  const asked = askedFor(lifetime, settings, nowMs);
  if (latestMs === undefined) return asked;
  if (latestMs <= nowMs) {
    throw new DomainError(
      "attenuation_violated",
      `the parent, or one above it, ended at ${new Date(latestMs).toISOString()}`,
      { hint: "renew it first" },
    );
  }
  if (lifetime.kind === "default") return Math.min(asked ?? latestMs, latestMs);
  if (asked !== undefined && asked <= latestMs) return asked;
  throw new DomainError(
    "attenuation_violated",
    `the delegation would outlive its parent, which ends at ${new Date(latestMs).toISOString()}`,
    { field: "expiry", hint: "ask for an earlier end, or leave the expiry out" },
  );
}

function askedFor(
  lifetime: Lifetime,
  settings: LifetimeSettings,
  nowMs: number,
): number | undefined {
  switch (lifetime.kind) {
    case "default":
      return nowMs + settings.defaultMs;
    case "for":
      return bounded(nowMs + lifetime.durationMs, "expiry.lifetime", settings, nowMs);
    case "until":
      return bounded(lifetime.expiresAtMs, "expiry.expires_at", settings, nowMs);
    case "forever":
      return undefined;
  }
}

function bounded(endMs: number, field: string, settings: LifetimeSettings, nowMs: number): number {
  if (endMs <= nowMs) {
    throw new DomainError("malformed", `${field} must lie in the future`, { field });
  }
  if (endMs <= nowMs + settings.maxMs) return Math.floor(endMs);
  throw new DomainError(
    "limit_exceeded",
    `${field} must be at most ${Math.floor(settings.maxMs / 1000)} s from now, or \`forever\` in so many words`,
    { field },
  );
}
