import assert from "node:assert/strict";
import type { Json } from "../core/json.ts";
import { isJsonObject } from "../core/json.ts";
import type { StoredCondition } from "../core/tuple.ts";

const conditionBytes = 96;
const valueBytes = 24;
const memberBytes = 32;

/** The conditions of held tuples, by number from 1 on: few tuples have one. */
export class Conditions {
  readonly #values: (StoredCondition | undefined)[] = [undefined];
  readonly #free: number[] = [];
  #bytes = 0;

  /** Estimate of what they take. */
  get bytes(): number {
    return this.#bytes;
  }

  keep(condition: StoredCondition): number {
    const number = this.#free.pop() ?? this.#values.length;
    this.#values[number] = condition;
    this.#bytes += bytesOf(condition);
    return number;
  }

  get(number: number): StoredCondition | undefined {
    return this.#values[number];
  }

  release(number: number): void {
    const condition = this.#values[number];
    assert(condition !== undefined, "a condition is released once");
    this.#bytes -= bytesOf(condition);
    this.#values[number] = undefined;
    this.#free.push(number);
  }

  clear(): void {
    this.#values.length = 1;
    this.#free.length = 0;
    this.#bytes = 0;
  }
}

function bytesOf({ context }: StoredCondition): number {
  return conditionBytes + jsonBytes(context);
}

/** About what a value takes on V8's heap. */
function jsonBytes(value: Json): number {
  if (typeof value === "string") return valueBytes + value.length;
  if (Array.isArray(value)) {
    return value.reduce<number>((sum, item: Json) => sum + jsonBytes(item), valueBytes);
  }
  if (!isJsonObject(value)) return valueBytes / 2;
  return Object.entries(value).reduce(
    (sum, [name, member]) => sum + memberBytes + name.length + jsonBytes(member),
    valueBytes,
  );
}
