import type { MessageInitShape } from "@bufbuild/protobuf";
import { DomainError } from "../core/error.ts";
import type {
  StreamCheckRequest,
  StreamCheckResponseSchema,
} from "../gen/prokura/v1/authorization_pb.ts";
import type { Authorizer } from "../service/authorizer.ts";
import { AnswerQueue } from "./answer-queue.ts";
import type { CallContext } from "./call.ts";
import { checkItems } from "./check-batch.ts";
import { itemErrorToProto } from "./errors.ts";
import { contractLimits, type RequestLimits } from "./limits.ts";

type Answer = MessageInitShape<typeof StreamCheckResponseSchema>;

/** Reports an error that its client is told of as "internal error" only. */
export type ReportBug = (error: unknown) => void;

/**
 * Answers each message when its answer is there, in any order. With a bounded number of messages
 * under way or not yet read by the client it stops reading: flow control holds the client back.
 */
export async function* streamCheck(
  authorizer: Authorizer,
  limits: RequestLimits,
  requests: AsyncIterable<StreamCheckRequest>,
  call: CallContext,
  reportBug: ReportBug,
): AsyncGenerator<Answer> {
  const answers = new AnswerQueue<Answer>(contractLimits.streamedMessages);
  const reading = readAll();
  try {
    yield* answers;
    await reading;
  } finally {
    // The client may stop reading before it stops asking.
    answers.close();
  }

  async function readAll(): Promise<void> {
    try {
      for await (const request of requests) {
        await answers.take();
        answerOne(request);
      }
      answers.close();
    } catch (error) {
      answers.fail(error);
    }
  }

  function answerOne(request: StreamCheckRequest): void {
    const { tag } = request;
    try {
      const answer = checkItems(authorizer, limits, request, call);
      if (answer instanceof Promise) {
        answer.then(
          (batch) => answers.put({ tag, ...batch }),
          (error: unknown) => answers.put(failed(tag, error)),
        );
      } else {
        answers.put({ tag, ...answer });
      }
    } catch (error) {
      answers.put(failed(tag, error));
    }
  }

  function failed(tag: bigint, error: unknown): Answer {
    if (!(error instanceof DomainError)) reportBug(error);
    return { tag, error: itemErrorToProto(error) };
  }
}
