import type { DescMessage, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import { AnswerQueue } from "./answer-queue.ts";
import type { CallContext, OnOpened, UnaryHandler } from "./call.ts";

/**
 * Answers each message when its answer is there, in any order. With a bounded number of messages
 * under way or not yet read by the client it stops reading: flow control holds the client back.
 */
export async function* answersOf<Input extends DescMessage, Output extends DescMessage>(
  handler: UnaryHandler<Input, Output>,
  requests: AsyncIterable<MessageShape<Input>>,
  call: CallContext,
  inFlightMax: number,
  opened?: OnOpened,
): AsyncGenerator<MessageInitShape<Output>> {
  const closed = opened?.(call.caller);
  const answers = new AnswerQueue<MessageInitShape<Output>>(inFlightMax);
  const reading = readAll();
  try {
    yield* answers;
    await reading;
  } finally {
    // The client may stop reading before it stops asking.
    answers.close();
    closed?.();
  }

  async function readAll(): Promise<void> {
    try {
      for await (const request of requests) {
        await answers.take();
        const answer = handler(request, call);
        if (answer instanceof Promise) answer.then(put).catch(fail);
        else put(answer);
      }
      answers.close();
    } catch (error) {
      fail(error);
    }
  }

  function put(answer: MessageInitShape<Output>): void {
    answers.put(answer);
  }

  function fail(error: unknown): void {
    answers.fail(error);
  }
}
