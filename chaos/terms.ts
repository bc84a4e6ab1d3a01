/** Short ones, so that there are many lapses; they leave the room that the protocol wants for freezes. */
export const terms = { serveMs: 800, killMs: 1600, renewMs: 200 } as const;
