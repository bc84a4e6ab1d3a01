import type { Symbols } from "../core/symbols.ts";
import type { AuthorizationModel } from "../model/authorization-model.ts";

/** A model bound to a graph's numbers, made once a model and graph. */
export interface Plan {
  readonly model: AuthorizationModel;
}

/** Binds the names of a model to numbers. */
export declare function planModel(model: AuthorizationModel, symbols: Symbols): Plan;
