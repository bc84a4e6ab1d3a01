import type {
  MutationOptions,
  Paged,
  PageRequest,
  RequestContext,
  WriteResult,
} from "./request.ts";

/** Keeps the authorization models of a tenant. */
export interface Models {
  /**
   * Stores a model, and activates it unless told not to. Fails with `model_rejected` and all findings;
   * nothing is stored then.
   */
  write(
    context: RequestContext,
    request: WriteModelRequest,
    options: MutationOptions,
  ): Promise<WrittenModel>;
  activate(
    context: RequestContext,
    modelId: string,
    options: MutationOptions,
  ): Promise<{ readonly previousModelId?: string; readonly result: WriteResult }>;
  /** The active one where no id is given. `model_missing`, `model_not_found`. */
  read(
    context: RequestContext,
    modelId: string,
  ): Promise<{ readonly model: StoredModel; readonly token: string }>;
  list(context: RequestContext, page: PageRequest): Promise<Paged<Omit<StoredModel, "sources">>>;
}

export interface WriteModelRequest {
  /** One source named `model.fga`, or `fga.mod` with its modules. */
  readonly sources: readonly ModelSource[];
  readonly activate: boolean;
  /** Accepts relations that depend on their own absence by way of tuples. */
  readonly allowsOwnAbsence?: boolean;
}

export interface ModelSource {
  readonly name: string;
  readonly text: string;
}

export interface WrittenModel {
  readonly modelId: string;
  readonly result: WriteResult;
}

export interface StoredModel {
  readonly modelId: string;
  readonly sources: readonly ModelSource[];
  readonly createdAtMs: number;
  readonly createdBy: string;
  readonly active: boolean;
}
