import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { DomainError } from "../core/error.ts";
import type { Codec } from "./codec.ts";
import type { Http2Call } from "./http2-call.ts";

/** Reads the one message that the method takes; without one, or with two, the call fails. */
export function readOne(call: Http2Call, path: string, proceed: (bytes: Buffer) => void): void {
  let only: Buffer | undefined;
  const refuse = (received: string): void => {
    const message = `Received ${received} for server streaming method ${path}`;
    call.fail({ status: Code.Unimplemented, message });
  };
  call.consume({
    message: (bytes) => {
      if (only === undefined) only = bytes;
      else refuse("a second request message");
    },
    halfClosed: () => {
      if (only === undefined) refuse("no request message");
      else proceed(only);
    },
  });
}

/** The messages of a stream, read as they are asked for. Fails with why the call ended, if it does. */
export async function* messagesOf<Input extends DescMessage>(
  call: Http2Call,
  codec: Pick<Codec<Input, DescMessage>, "decode">,
): AsyncGenerator<MessageShape<Input>> {
  const waiting: Buffer[] = [];
  let isDone = false;
  let wake = (): void => {};
  call.whenOver(() => wake());
  call.consume({
    message: (bytes) => {
      waiting.push(bytes);
      call.pause();
      wake();
    },
    halfClosed: () => {
      isDone = true;
      wake();
    },
  });
  for (;;) {
    const bytes = waiting.shift();
    if (bytes !== undefined) yield codec.decode(bytes);
    else if (isDone) return;
    else if (call.isOver) throw call.end.reason ?? new DomainError("cancelled", "the call is over");
    else {
      const woken = new Promise<void>((resolve) => (wake = resolve));
      call.resume();
      await woken;
    }
  }
}

/** What is returned resolves when the client has read enough, or is gone. It is for one wait at a time. */
export function waitingFor(call: Http2Call): () => Promise<void> {
  let wake = (): void => {};
  call.whenOver(() => wake());
  return async () => {
    if (call.isOver) return;
    const woken = Promise.withResolvers<void>();
    wake = woken.resolve;
    call.drained(woken.resolve);
    await woken.promise;
  };
}
