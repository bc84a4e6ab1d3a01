/** Upper bounds of the buckets, in seconds: from a check in memory to a revocation that waits for a dead node. */
const bounds: readonly number[] = [
  0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
  0.25, 0.5, 1, 2.5, 5, 10, 20,
];

/**
 * Counts durations as a histogram of Prometheus. One count is a few additions: with the client
 * library's own, which hashes labels, it cost a tenth of a check.
 */
export class Durations {
  readonly #counts = new Float64Array(bounds.length + 1);
  #sumSeconds = 0;

  add(seconds: number): void {
    let bucket = 0;
    while (seconds > (bounds[bucket] ?? Number.POSITIVE_INFINITY)) bucket += 1;
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.#sumSeconds += seconds;
  }

  /** Lines of the text format; `labels` as in `method="x"`, or empty. */
  lines(name: string, labels: string): readonly string[] {
    const prefix = labels === "" ? "" : `${labels},`;
    const suffix = labels === "" ? "" : `{${labels}}`;
    let below = 0;
    const buckets = [...bounds, Number.POSITIVE_INFINITY].map((bound, bucket) => {
      below += this.#counts[bucket] ?? 0;
      const text = bound === Number.POSITIVE_INFINITY ? "+Inf" : String(bound);
      return `${name}_bucket{${prefix}le="${text}"} ${below}`;
    });
    return [
      ...buckets,
      `${name}_sum${suffix} ${this.#sumSeconds}`,
      `${name}_count${suffix} ${below}`,
    ];
  }
}
