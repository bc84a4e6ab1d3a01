import {
  formatDecisionRow,
  type KeptParameters,
  type LoggedDecision,
  type RowPlace,
} from "../audit/decision-row.ts";
import { formatNote, type LogNote } from "../audit/log-row.ts";
import type { Sealer } from "../audit/sealer.ts";
import { rangeOf } from "../audit/segment-index.ts";
import { Terms } from "../audit/terms.ts";
import type { ChainHead, ChainName, NewCheckpoint, NewSegment } from "../store/log-chains.ts";

/** What the log asks of the database. Everything rejects with `not_serving` where it is away. */
export interface LogStore {
  /** Where they end; made if they are none. One that is left out is of a tenant that does not exist. */
  readonly open: (
    chains: readonly ChainName[],
  ) => Promise<readonly (ChainName & { readonly end: ChainHead })[]>;
  readonly head: (tenant: string, chain: string) => Promise<ChainHead | undefined>;
  /** In order. All or nothing is durable; for each whether its chain ended as was thought. */
  readonly append: (segments: readonly NewSegment[]) => Promise<readonly boolean[]>;
  readonly checkpoint: (checkpoints: readonly NewCheckpoint[]) => Promise<void>;
}

/** Something that becomes a row. */
export type LogItem = DecisionItem | NoteItem;

/** A decision is one object from the answer to the row: many of them wait, and each costs. */
export interface DecisionItem extends LoggedDecision {
  readonly kind: "decision";
  readonly tenant: string;
  /** Told when the row is durable. */
  readonly done?: PromiseWithResolvers<void>;
}

interface NoteItem {
  readonly kind: "note";
  readonly tenant: string;
  readonly atMs: number;
  readonly note: LogNote;
  readonly done?: PromiseWithResolvers<void>;
}

interface OpenChain extends ChainName {
  end: ChainHead;
  signedSeq: number;
  /** The last that its rows tell of, as far as this process wrote them. */
  revision: number | undefined;
  /** Its first row of this process, until it is written. */
  boot: LogItem | undefined;
}

/** The end of a chain as it was when it was asked for. */
export interface ChainEnd extends ChainName {
  readonly end: ChainHead;
  readonly revision: number | undefined;
}

interface Dependencies {
  readonly store: LogStore;
  readonly sealer: Sealer;
  readonly node: string;
  /** Of this process. */
  readonly boot: string;
  readonly keptParameters: KeptParameters;
}

interface Made {
  readonly chain: OpenChain;
  readonly segment: NewSegment;
  /** What is in it, but for a boot. */
  readonly own: readonly LogItem[];
}

/** Of the rows of a segment, in UTF-16 units: an export sends a segment as one message. */
const segmentLengthMax = 1024 * 1024;
/** Whoever reads a segment does so in one go: this many take some 20 ms. */
const segmentRowsMax = 2_000;

/**
 * The chains to which this process writes, one a tenant. It takes the chain of its name; where another
 * process writes to that too, it goes on with one of its own.
 */
export class LogChains {
  readonly #ports: Dependencies;
  readonly #open = new Map<string, OpenChain>();
  readonly #displaced = new Set<string>();

  constructor(ports: Dependencies) {
    this.#ports = ports;
  }

  /**
   * Appends the items to the chains of their tenants, takes out of the list what is durable, and returns
   * how many rows that made. Items of tenants that do not exist are left out. Where it rejects it may be
   * called again with what is left: what was written after all is found there.
   */
  async append(items: LogItem[]): Promise<number> {
    let rows = 0;
    while (items.length > 0) {
      const byTenant = Map.groupBy(items, ({ tenant }) => tenant);
      await this.#openAll(
        [...byTenant.keys()].filter((tenant) => !this.#open.has(tenant)),
        items,
      );
      const byChain = [...byTenant].flatMap(([tenant, own]) => {
        const chain = this.#open.get(tenant);
        return chain === undefined ? [] : [[chain, own] as const];
      });
      const made = (
        await Promise.all(byChain.map(([chain, own]) => this.#segments(chain, own)))
      ).flat();
      const segments = made.map(({ segment }) => segment);
      const appended = made.length === 0 ? [] : await this.#ports.store.append(segments);
      const done = new Set<LogItem>();
      for (const [index, { chain, segment, own }] of made.entries()) {
        if (appended[index] !== true && !(await this.#isWritten(segment))) continue;
        chain.end = segment.last;
        chain.boot = undefined;
        chain.revision = lastRevision(own) ?? chain.revision;
        rows += segment.last.seq - segment.previous.seq;
        for (const item of own) done.add(item);
      }
      const known = new Set(byChain.map(([{ tenant }]) => tenant));
      const left = items.filter((item) => !done.has(item) && known.has(item.tenant));
      items.splice(0, items.length, ...left);
    }
    return rows;
  }

  /** What every open chain is told last. */
  stops(atMs: number): readonly LogItem[] {
    const { boot } = this.#ports;
    return [...this.#open.keys()].map((tenant) => ({
      kind: "note",
      tenant,
      atMs,
      note: { kind: "stop", boot },
    }));
  }

  /** Ends that nobody has signed. */
  unsigned(): readonly ChainEnd[] {
    return [...this.#open.values()].flatMap(({ tenant, chain, end, revision, signedSeq }) =>
      end.seq > signedSeq ? [{ tenant, chain, end, revision }] : [],
    );
  }

  signed(ends: readonly ChainEnd[]): void {
    for (const { tenant, chain, end } of ends) {
      const open = this.#open.get(tenant);
      if (open?.chain === chain) open.signedSeq = Math.max(open.signedSeq, end.seq);
    }
  }

  /** Whoever asks about many tenants that do not exist holds nobody up: they are looked up together. */
  async #openAll(tenants: readonly string[], items: readonly LogItem[]): Promise<void> {
    if (tenants.length === 0) return;
    const { store, node, boot } = this.#ports;
    const names = tenants.map((tenant) => {
      const chain = this.#displaced.has(tenant) ? `${node}~${boot.slice(0, 8)}` : node;
      return { tenant, chain };
    });
    const atMs = items[0]?.atMs ?? 0;
    for (const { tenant, chain, end } of await store.open(names)) {
      const note: LogNote = { kind: "boot", node, boot, after: end.hash };
      this.#open.set(tenant, {
        tenant,
        chain,
        end,
        signedSeq: end.seq,
        revision: undefined,
        boot: { kind: "note", tenant, atMs, note },
      });
    }
  }

  /** All of the items, in as many segments as they need, each to follow the one before. */
  async #segments(chain: OpenChain, items: readonly LogItem[]): Promise<readonly Made[]> {
    const made: Made[] = [];
    let { end, boot } = chain;
    for (let from = 0; from < items.length;) {
      const rest = from === 0 ? items : items.slice(from);
      const segment = await this.#segment({ ...chain, end, boot }, rest);
      const count = segment.last.seq - end.seq - (boot === undefined ? 0 : 1);
      made.push({ chain, segment, own: rest.slice(0, count) });
      from += count;
      end = segment.last;
      boot = undefined;
    }
    return made;
  }

  /** As many of the items, from the first on, as fit into one segment; at least one. */
  async #segment(
    { tenant, chain, end, boot }: OpenChain,
    own: readonly LogItem[],
  ): Promise<NewSegment> {
    const { sealer, keptParameters } = this.#ports;
    const terms = new Terms();
    const ids: string[] = [];
    const rows = sealer.block(Math.min(own.length, segmentRowsMax) + 1);
    let length = 0;
    let [fromMs, toMs] = [Infinity, -Infinity];
    for (const item of boot === undefined ? own : [boot, ...own]) {
      if (length > segmentLengthMax || rows.count > segmentRowsMax) break;
      const place: RowPlace = { tenant, chain, seq: end.seq + 1 + rows.count };
      const row =
        item.kind === "note"
          ? formatNote(item.note, item.atMs, place)
          : formatDecisionRow(item, place, keptParameters);
      if (item.kind === "decision") {
        terms.add(item);
        if ("verdict" in item.outcome) ids.push(item.outcome.id);
      }
      rows.add(row);
      length += row.length;
      fromMs = Math.min(fromMs, item.atMs);
      toMs = Math.max(toMs, item.atMs);
    }
    const decisions = rangeOf(ids);
    const { count } = rows;
    const { hashes, head, packed } = await sealer.seal(end.hash, rows.finish());
    return {
      tenant,
      chain,
      previous: end,
      last: { seq: end.seq + count, hash: head },
      fromMs,
      toMs,
      ...(decisions === undefined ? {} : { decisions }),
      terms: terms.numbers,
      packed,
      hashes,
    };
  }

  /** Else another process writes to the chain: this one goes on with one of its own. */
  async #isWritten({ tenant, chain, last }: NewSegment): Promise<boolean> {
    const end = await this.#ports.store.head(tenant, chain);
    if (end?.seq === last.seq && end.hash === last.hash) return true;
    this.#open.delete(tenant);
    this.#displaced.add(tenant);
    return false;
  }
}

/** The last revision that the items tell of. */
function lastRevision(items: readonly LogItem[]): number | undefined {
  return items
    .flatMap((item) => (item.kind === "note" && item.note.kind === "changes" ? item.note : []))
    .at(-1)?.revision;
}
