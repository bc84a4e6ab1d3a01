import type { DescMethod } from "@bufbuild/protobuf";
import { AdminService } from "../src/gen/prokura/v1/admin_pb.ts";
import { AuthorizationService } from "../src/gen/prokura/v1/authorization_pb.ts";
import { DelegationService } from "../src/gen/prokura/v1/delegation_pb.ts";
import { ModelService } from "../src/gen/prokura/v1/model_pb.ts";
import { TupleService } from "../src/gen/prokura/v1/tuple_pb.ts";
import type { Random } from "./random.ts";

const asking = [
  ...AuthorizationService.methods,
  DelegationService.method.getDelegation,
  DelegationService.method.listDelegations,
  TupleService.method.readTuples,
  TupleService.method.exportTuples,
  ModelService.method.readModel,
  ModelService.method.listModels,
];
const all = [
  ...asking,
  ...DelegationService.methods,
  ...TupleService.methods,
  ...ModelService.methods,
  ...AdminService.methods,
];

/** Every method, those that write less often: one that is valid costs a commit. */
export const methods = {
  pick: (random: Random): DescMethod => {
    const from = random.chance(0.95) ? asking : all;
    return from[random.below(from.length)] ?? AuthorizationService.method.check;
  },
};
