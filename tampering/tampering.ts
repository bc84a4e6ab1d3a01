import { tenant, type LogCopy, type Segment } from "./log-copy.ts";
import type { RealLog } from "./real-log.ts";

/** One way to tamper with a log, done to a copy of it. */
export interface Tampering {
  readonly name: string;
  /** Fails where it finds nothing to tamper with: it would prove nothing. */
  readonly harm: (copy: LogCopy, log: RealLog) => Promise<void>;
  /** What was signed after it is kept as well: for what goes in behind the last checkpoint that was kept. */
  readonly isKeptAfter?: true;
}

/** A statement that must hit something. */
export function statement(name: string, text: string, ...values: readonly unknown[]): Tampering {
  return {
    name,
    harm: async (copy) => {
      const hit = await copy.run(text, ...values);
      if (hit === 0) throw new Error(`\`${name}\` hit nothing`);
    },
  };
}

/** A change of the rows of a chain, with or without linking all anew. */
export function onRows(
  name: string,
  chain: string,
  change: (segments: Segment[]) => void,
  then: "leave" | "relink",
): Tampering {
  return {
    name: then === "relink" ? `${name}, and all linked anew` : name,
    harm: async (copy) => {
      const segments = await copy.segments(chain);
      const before = JSON.stringify(segments);
      change(segments);
      if (JSON.stringify(segments) === before) throw new Error(`\`${name}\` changed nothing`);
      await copy.store(...segments);
      if (then === "relink") await copy.relink(chain);
    },
  };
}

/** The first row whose text has all of these in it. */
export function rowWith(
  segments: readonly Segment[],
  ...needles: readonly string[]
): { readonly segment: Segment; readonly index: number; readonly text: string } {
  for (const segment of segments) {
    const index = segment.rows.findIndex((row) => needles.every((needle) => row.includes(needle)));
    const text = segment.rows[index];
    if (text !== undefined) return { segment, index, text };
  }
  throw new Error(`no row has ${needles.join(" and ")}`);
}

/** A segment that has several rows. */
export function longest(segments: readonly Segment[]): Segment {
  const [first] = segments.toSorted((left, right) => right.rows.length - left.rows.length);
  if (first === undefined || first.rows.length < 5) throw new Error("no segment has five rows");
  return first;
}

/** Deletes the segments of a chain from a row on, with everything that knew of them. */
export async function cutFrom(copy: LogCopy, chain: string, firstSeq: number): Promise<void> {
  const left = (await copy.segments(chain)).filter((segment) => segment.firstSeq < firstSeq);
  const last = left.at(-1);
  const where = "tenant_id = $1 and chain = $2";
  await copy.run(
    `delete from log_segment where ${where} and first_seq >= $3`,
    tenant,
    chain,
    firstSeq,
  );
  await copy.run(
    `delete from log_checkpoint where ${where} and seq > $3`,
    tenant,
    chain,
    last?.lastSeq ?? 0,
  );
  await copy.run(
    `update log_chain set head_seq = $3, head_hash = $4 where ${where}`,
    tenant,
    chain,
    last?.lastSeq ?? 0,
    Buffer.from(last?.hashes.at(-1) ?? "0".repeat(64), "hex"),
  );
}
