import type { MessageInitShape } from "@bufbuild/protobuf";
import type { TupleFilterSchema } from "../gen/prokura/v1/core_pb.ts";
import { Expectation, type PreconditionSchema } from "../gen/prokura/v1/tuple_pb.ts";

/** The write is refused where a tuple matches: somebody was quicker. */
export function noneMatches(
  filter: MessageInitShape<typeof TupleFilterSchema>,
): MessageInitShape<typeof PreconditionSchema> {
  return { filter, expectation: Expectation.MUST_NOT_EXIST };
}
