export interface Terms {
  readonly serveMs: number;
  readonly killMs: number;
  readonly renewMs: number;
}

/** Short ones, so that there are many lapses; they leave the room that the protocol wants for freezes. */
export const shortTerms: Terms = { serveMs: 800, killMs: 1600, renewMs: 200 };

/** A failover takes a while by itself: a busy machine must find time for a renewal in between. */
export const failoverTerms: Terms = { serveMs: 2000, killMs: 3500, renewMs: 400 };
