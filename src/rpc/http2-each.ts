import type { DescMessage, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import type { Caller } from "../core/caller.ts";
import type { UnaryHandler } from "./call.ts";
import type { Codec } from "./codec.ts";
import type { Http2Call } from "./http2-call.ts";

/**
 * Answers the messages of a stream one by one, in any order. What is answered at once goes out with
 * the other answers of its tick. With `inFlightMax` under way, or with answers that the client does
 * not read, it reads no more.
 */
export function answerEach<Input extends DescMessage, Output extends DescMessage>(
  call: Http2Call,
  codec: Codec<Input, Output>,
  handler: UnaryHandler<Input, Output>,
  caller: Caller,
  inFlightMax: number,
  refuse: (error: unknown) => void,
): void {
  const context = call.context(caller);
  let answers: Buffer[] = [];
  let underWay = 0;
  let isBlocked = false;
  let isHalfClosed = false;
  call.consume({
    message: (bytes) => {
      underWay += 1;
      try {
        const request: MessageShape<Input> = codec.decode(bytes);
        const answer = handler(request, context);
        if (answer instanceof Promise) answer.then(put).catch(refuse);
        else put(answer);
      } catch (error) {
        flush(); // What was answered before goes out before.
        refuse(error);
      }
      if (underWay >= inFlightMax) call.pause();
    },
    halfClosed: () => {
      isHalfClosed = true;
      if (underWay === 0 && answers.length === 0) call.finish();
    },
  });

  function put(answer: MessageInitShape<Output>): void {
    answers.push(codec.encode(answer));
    underWay -= 1;
    if (answers.length === 1) queueMicrotask(flush);
  }

  function flush(): void {
    const [first, ...more] = answers;
    answers = [];
    if (first === undefined) return;
    if (!call.write(first, ...more)) block();
    if (isHalfClosed && underWay === 0) call.finish();
    else if (!isBlocked && underWay < inFlightMax) call.resume();
  }

  function block(): void {
    if (isBlocked) return;
    isBlocked = true;
    call.pause();
    call.drained(() => {
      isBlocked = false;
      if (underWay < inFlightMax) call.resume();
    });
  }
}
