import type { Permits } from "../core/caller.ts";
import { DomainError } from "../core/error.ts";
import { formatToken } from "../core/revision.ts";
import type { AuthorizationModel } from "../model/authorization-model.ts";
import type { ModelChoices } from "../model/check-model.ts";
import type { Precondition } from "../store/mutation.ts";
import type { Models, ModelSource, StoredModel, WriteModelRequest } from "./models.ts";
import type { Drafted, Mutator } from "./mutator.ts";
import { pageSizeOf } from "./page-token.ts";
import type { MutationOptions, PageRequest, RequestContext } from "./request.ts";
import type { KeptModel, Storage } from "./storage.ts";

interface Dependencies {
  readonly storage: Storage;
  readonly mutator: Mutator;
  readonly permits: Permits;
  /** Reads and checks what a user wrote, apart from the event loop. `model_rejected` with findings. */
  readonly readModel: (
    sources: readonly ModelSource[],
    choices: ModelChoices,
  ) => Promise<AuthorizationModel>;
  /**
   * Fails with `precondition_failed` where stored contract tuples would become invalid. Returns what
   * that answer rests on, to be true still at the activation.
   */
  readonly requireContractTuples: (
    context: RequestContext,
    model: AuthorizationModel,
  ) => Promise<readonly Precondition[]>;
  readonly newModelId: () => string;
}

/** Keeps models: immutable once written, active by a revision. */
export function createModels(dependencies: Dependencies): Models {
  return new ModelKeeper(dependencies);
}

class ModelKeeper implements Models {
  readonly #ports: Dependencies;

  constructor(dependencies: Dependencies) {
    this.#ports = dependencies;
  }

  async write(
    context: RequestContext,
    request: WriteModelRequest,
    options: MutationOptions,
  ): ReturnType<Models["write"]> {
    await this.#ports.permits(context.caller, "modeller", { tenant: context.tenant });
    const { answer, result } = await this.#ports.mutator.write<string>(
      context,
      options,
      {
        writeModel: request.sources.map((source) => ({ ...source })),
        activate: request.activate,
        ...(request.allowsOwnAbsence === true ? { allowsOwnAbsence: true } : {}),
      },
      this.#drafting(context, request),
    );
    return { modelId: answer, result };
  }

  async activate(
    context: RequestContext,
    modelId: string,
    options: MutationOptions,
  ): ReturnType<Models["activate"]> {
    await this.#ports.permits(context.caller, "modeller", { tenant: context.tenant });
    return this.#activate(context, modelId, options);
  }

  async read(context: RequestContext, modelId: string): ReturnType<Models["read"]> {
    await this.#ports.permits(context.caller, "member", { tenant: context.tenant });
    const head = await this.#ports.storage.tenants.head(context.tenant);
    const id = modelId === "" ? head.modelId : modelId;
    if (id === undefined) {
      throw new DomainError("model_missing", "the tenant has no authorization model yet", {
        hint: "write one with `prokura model write`",
      });
    }
    const kept = await this.#ports.storage.models.read(context.tenant, id);
    if (kept === undefined) throw notFound(id);
    const { timeline, revision } = head;
    const token = formatToken({ tenant: context.tenant, timeline, revision });
    return { model: shown(kept, head.modelId), token };
  }

  async list(context: RequestContext, page: PageRequest): ReturnType<Models["list"]> {
    await this.#ports.permits(context.caller, "member", { tenant: context.tenant });
    const size = pageSizeOf(page);
    const head = await this.#ports.storage.tenants.head(context.tenant);
    const after = page.pageToken === "" ? {} : { after: page.pageToken };
    const kept = await this.#ports.storage.models.list(context.tenant, {
      ...after,
      limit: size + 1,
    });
    const items = kept.slice(0, size).map((model) => shown(model, head.modelId));
    const { timeline, revision } = head;
    const token = formatToken({ tenant: context.tenant, timeline, revision });
    const last = items.at(-1);
    if (kept.length <= size || last === undefined) return { items, token };
    return { items, token, nextPageToken: last.modelId };
  }

  /** Reads and stores the model once, however often it is drafted. */
  #drafting(context: RequestContext, request: WriteModelRequest): () => Promise<Drafted<string>> {
    const { sources, activate: active, allowsOwnAbsence = false } = request;
    const { readModel, requireContractTuples, storage, newModelId } = this.#ports;
    let model: AuthorizationModel | undefined;
    let stored: string | undefined;
    return async () => {
      model ??= await readModel(sources, { allowsOwnAbsence });
      const preconditions = active ? await requireContractTuples(context, model) : [];
      if (stored === undefined) {
        const modelId = newModelId();
        const createdBy = context.caller.id;
        // A model that no revision names is unused: it may be stored before the write that names it.
        await storage.models.write(context.tenant, { modelId, sources, model, createdBy });
        stored = modelId;
      }
      const modelId = stored;
      const draft = {
        operation: "write_model",
        steps: [],
        preconditions,
        records: [],
        urgent: false,
        ...(active ? { activateModelId: modelId } : {}),
      };
      return { draft, answer: () => modelId };
    };
  }

  async #activate(
    context: RequestContext,
    modelId: string,
    options: MutationOptions,
  ): ReturnType<Models["activate"]> {
    const { answer, result } = await this.#ports.mutator.write<string>(
      context,
      options,
      { activateModel: modelId },
      async () => {
        const kept = await this.#ports.storage.models.read(context.tenant, modelId);
        if (kept === undefined) throw notFound(modelId);
        const preconditions = await this.#ports.requireContractTuples(context, kept.model);
        const head = await this.#ports.storage.tenants.head(context.tenant);
        const draft = {
          operation: "activate_model",
          steps: [],
          preconditions,
          records: [],
          urgent: false,
          activateModelId: modelId,
        };
        return { draft, answer: () => head.modelId ?? "" };
      },
    );
    return answer === "" ? { result } : { previousModelId: answer, result };
  }
}

function shown(kept: KeptModel, activeId: string | undefined): StoredModel {
  const { modelId, sources, createdAtMs, createdBy } = kept;
  return { modelId, sources, createdAtMs, createdBy, active: modelId === activeId };
}

function notFound(modelId: string): DomainError {
  return new DomainError("model_not_found", `the tenant has no model \`${modelId}\``, {
    field: "model_id",
    hint: "`prokura model list` shows them",
  });
}
