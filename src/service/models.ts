import type { Finding } from "../model/finding.ts";
import type { MutationOptions, Paged, PageRequest, RequestContext, WriteResult } from "./request.ts";

/** Keeps the authorization models of a tenant. */
export interface Models {
  /** Stores a model, and activates it unless told not to. `model_rejected` throws with the findings. */
  write(context: RequestContext, request: WriteModelRequest, options: MutationOptions): Promise<WrittenModel>;
  activate(context: RequestContext, modelId: string, options: MutationOptions): Promise<WriteResult>;
  /** The active one where no id is given. `model_missing`, `model_not_found`. */
  read(context: RequestContext, modelId: string): Promise<StoredModel>;
  list(context: RequestContext, page: PageRequest): Promise<Paged<Omit<StoredModel, "sources">>>;
}

export interface WriteModelRequest {
  /** One source named `model.fga`, or `fga.mod` with its modules. */
  readonly sources: readonly ModelSource[];
  readonly activate: boolean;
  /** Check only: nothing is stored. */
  readonly dryRun: boolean;
}

export interface ModelSource {
  readonly name: string;
  readonly text: string;
}

/** A rejected model is an answer here, so that all findings reach the author at once. */
export type WrittenModel =
  | { readonly kind: "written"; readonly modelId: string; readonly findings: readonly Finding[]; readonly result: WriteResult }
  | { readonly kind: "valid"; readonly findings: readonly Finding[] }
  | { readonly kind: "rejected"; readonly findings: readonly Finding[] };

export interface StoredModel {
  readonly modelId: string;
  readonly sources: readonly ModelSource[];
  readonly createdAtMs: number;
  readonly createdBy: string;
  readonly active: boolean;
}
