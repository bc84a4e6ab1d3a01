import type { CallHead } from "../call-stream.ts";
import type { H2Stream } from "./h2-stream.ts";

/** Who answers. */
export interface H2Handler {
  /** A call begins: its headers are there. */
  call(stream: H2Stream, head: CallHead): void;
  closed(): void;
}

export interface H2Limits {
  readonly streamsMax: number;
}
