import { planModel, type Plan } from "../engine/plan.ts";
import type { ModelSource } from "./ports.ts";
import type { SymbolTable } from "./symbol-table.ts";

/** The active model and those that are being tried next to it or were active a moment ago. */
const plansPerStoreMax = 4;

/** Plans of models, bound to the symbols of a store; a model never changes, so neither does its plan. */
export class PlanCache {
  readonly #models: ModelSource;
  readonly #plans = new WeakMap<SymbolTable, Map<string, Plan>>();
  readonly #loading = new Map<string, Promise<void>>();

  constructor(models: ModelSource) {
    this.#models = models;
  }

  get(symbols: SymbolTable, modelId: string): Plan | undefined {
    return this.#plans.get(symbols)?.get(modelId);
  }

  /** Resolves when `get` has the plan; who asks meanwhile shares the load. */
  load(tenant: string, symbols: SymbolTable, modelId: string): Promise<void> {
    const key = `${modelId} ${tenant}`;
    const underWay = this.#loading.get(key);
    if (underWay !== undefined) return underWay;
    const loading = this.#load(tenant, symbols, modelId).finally(() => this.#loading.delete(key));
    this.#loading.set(key, loading);
    return loading;
  }

  async #load(tenant: string, symbols: SymbolTable, modelId: string): Promise<void> {
    const model = await this.#models.load(tenant, modelId);
    const plans = this.#plans.get(symbols) ?? new Map<string, Plan>();
    const [oldest] = plans.keys();
    if (plans.size >= plansPerStoreMax && oldest !== undefined) plans.delete(oldest);
    this.#plans.set(symbols, plans.set(modelId, planModel(model, symbols)));
  }
}
