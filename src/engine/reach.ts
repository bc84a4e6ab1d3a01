import type { Now } from "../core/now.ts";

/** How far in time a result reaches, so long as no page that it was read from changes. */
export class Reach {
  /** From then on, as the latest that it may be, something that was looked at may count otherwise. */
  untilMs: number = Number.POSITIVE_INFINITY;

  /** A tuple was judged that expires. One that may be over by now, but need not be, leaves no time. */
  expires(expiresAtMs: number, { earliestMs, latestMs }: Now): void {
    if (expiresAtMs <= earliestMs) return;
    if (expiresAtMs <= latestMs) this.untilMs = Number.NEGATIVE_INFINITY;
    else if (expiresAtMs < this.untilMs) this.untilMs = expiresAtMs;
  }

  /** The instant itself was asked for. */
  readsTime(): void {
    this.untilMs = Number.NEGATIVE_INFINITY;
  }
}
