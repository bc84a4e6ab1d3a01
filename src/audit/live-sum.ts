import { hash } from "node:crypto";
import type { Json } from "../core/json.ts";

/** What counts now: a tuple that is live, or the model that is active. */
export type LiveElement = readonly Json[];

const bytes = 256;
const modulus = 1n << BigInt(bytes * 8);

/**
 * A sum over all that counts now in a tenant, modulo 2^2048, of 2,048 bits of SHAKE256 each. Every change adds
 * what it makes and subtracts what it ends, so that it is known after each without reading the rest; in
 * whatever order the elements come it is the same. To find others of the same sum is as hard as a
 * knapsack of that width, as long as none counts twice: so each has a place of its own, and whoever
 * adds them up anew holds the places to be different.
 */
export class LiveSum {
  #sum: bigint;

  /** As `bytes` has them; of nothing at all where they are left out. */
  constructor(stored?: Uint8Array) {
    this.#sum = stored === undefined ? 0n : BigInt(`0x0${Buffer.from(stored).toString("hex")}`);
  }

  get bytes(): Buffer {
    return Buffer.from(this.#sum.toString(16).padStart(bytes * 2, "0"), "hex");
  }

  /** SHA-256 of the sum, in hexadecimal. */
  get digest(): string {
    return hash("sha256", this.bytes, "hex");
  }

  add(element: LiveElement): void {
    this.#sum = (this.#sum + termOf(element)) % modulus;
  }

  subtract(element: LiveElement): void {
    this.#sum = (this.#sum + modulus - termOf(element)) % modulus;
  }
}

/** `columns` are those of a relation tuple, in their order. No two tuples have the same place. */
export function tupleElement(
  place: { readonly createdRev: number; readonly ord: number },
  columns: readonly Json[],
): LiveElement {
  return ["tuple", place.createdRev, place.ord, ...columns];
}

/** What a model is: hashes of what was written and of what was made of it. */
export interface ModelHashes {
  readonly sources: string;
  readonly parsed: string;
}

export function modelElement(id: string, { sources, parsed }: ModelHashes): LiveElement {
  return ["model", id, sources, parsed];
}

export function hashesOfModel(model: ModelHashes): ModelHashes {
  return {
    sources: hash("sha256", model.sources, "hex"),
    parsed: hash("sha256", model.parsed, "hex"),
  };
}

/** All members are scalars, of which this is the canonical form. */
function termOf(element: LiveElement): bigint {
  const options = { outputEncoding: "hex", outputLength: bytes } as const;
  return BigInt(`0x${hash("shake256", JSON.stringify(element), options)}`);
}
