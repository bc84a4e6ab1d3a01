/**
 * The server's clock at one evaluation, as bounds in milliseconds since 1970: the true time lies
 * between them. Where a tuple grants, it must be live at both ends; where it takes away, it counts if
 * it is live at either. A client never supplies it.
 */
export interface Now {
  readonly earliestMs: number;
  readonly latestMs: number;
}
