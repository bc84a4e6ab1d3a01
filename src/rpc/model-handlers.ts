import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  ModelService,
  type ModelSchema,
  type WriteModelRequest,
} from "../gen/prokura/v1/model_pb.ts";
import type { Models, ModelSource, StoredModel } from "../service/models.ts";
import { inTenant, type Handlers } from "./call.ts";
import { atMost, malformed, requiredTextFromProto } from "./field.ts";
import { contractLimits, type RequestLimits } from "./limits.ts";
import { optionsFromProto, pageFromProto, resultToProto, tenantFromProto } from "./request.ts";
import { timestampToProto } from "./time.ts";

/** The name of a model's only source where it was written as one text. */
const singleSourceName = "model.fga";
const modelIdBytesMax = 128;

export function modelHandlers(models: Models, limits: RequestLimits): Handlers {
  const { method } = ModelService;
  return (transport) => {
    transport.unary(method.writeModel, async (request, call) => {
      const { modelId, result } = await models.write(
        inTenant(call, tenantFromProto(request.tenant)),
        {
          sources: sourcesFromProto(request),
          activate: !request.keepInactive,
          allowsOwnAbsence: request.allowOwnAbsence,
        },
        optionsFromProto(request.options),
      );
      return { modelId, result: resultToProto(result) };
    });
    transport.unary(method.activateModel, async (request, call) => {
      const { previousModelId, result } = await models.activate(
        inTenant(call, tenantFromProto(request.tenant)),
        requiredTextFromProto(request.modelId, modelIdBytesMax, "model_id"),
        optionsFromProto(request.options),
      );
      return { previousModelId: previousModelId ?? "", result: resultToProto(result) };
    });
    transport.unary(method.readModel, async (request, call) => {
      const { modelId } = request;
      const { model, token } = await models.read(
        inTenant(call, tenantFromProto(request.tenant)),
        modelId === "" ? modelId : requiredTextFromProto(modelId, modelIdBytesMax, "model_id"),
      );
      return { model: modelToProto(model, model.sources), token };
    });
    transport.unary(method.listModels, async (request, call) => {
      const page = await models.list(
        inTenant(call, tenantFromProto(request.tenant)),
        pageFromProto(request, limits),
      );
      return {
        models: page.items.map((model) => modelToProto(model, [])),
        nextPageToken: page.nextPageToken ?? "",
      };
    });
  };
}

/** The texts are not looked at here: how much and how deep is the model's business. */
function sourcesFromProto({ source }: WriteModelRequest): ModelSource[] {
  switch (source.case) {
    case "text":
      return [{ name: singleSourceName, text: source.value }];
    case "modules": {
      const { modules } = source.value;
      if (modules.length === 0) throw malformed("modules.modules", "must have at least one module");
      atMost(modules.length, contractLimits.modules, "modules.modules");
      return modules.map(({ name, text }, index) => ({
        name: requiredTextFromProto(
          name,
          contractLimits.moduleNameBytes,
          `modules.modules[${index}].name`,
        ),
        text,
      }));
    }
    case undefined:
      throw malformed("text", "must be set, or modules");
  }
}

function modelToProto(
  model: Omit<StoredModel, "sources">,
  sources: readonly ModelSource[],
): MessageInitShape<typeof ModelSchema> {
  const [first, ...rest] = sources;
  const single = first?.name === singleSourceName && rest.length === 0;
  return {
    id: model.modelId,
    text: single ? first.text : "",
    modules: single ? [] : sources.map(({ name, text }) => ({ name, text })),
    active: model.active,
    createdAt: timestampToProto(model.createdAtMs),
    createdBy: model.createdBy,
  };
}
