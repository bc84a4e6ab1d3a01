import type { FetchLike } from "@modelcontextprotocol/sdk/shared/transport.js";

/**
 * `fetch` whose bodies fail once a message in them is over `bytesMax`. A stream of events may go on
 * for ever: there each event counts for itself.
 */
export function createLimitedFetch(bytesMax: number): FetchLike {
  return async (url, init) => {
    const response = await fetch(url, init);
    if (response.body === null) return response;
    const isEvents = response.headers.get("content-type")?.includes("text/event-stream") === true;
    return new Response(response.body.pipeThrough(limitOf(bytesMax, isEvents)), {
      status: response.status,
      statusText: response.statusText,
      headers: response.headers,
    });
  };
}

function limitOf(bytesMax: number, isEvents: boolean): TransformStream<Uint8Array, Uint8Array> {
  let bytes = 0;
  return new TransformStream({
    transform(chunk, controller) {
      const [rest = 0, ...events] = isEvents ? eventBytes(chunk) : [chunk.length];
      const longest = Math.max(bytes + rest, ...events);
      if (longest > bytesMax) {
        controller.error(new RangeError(`the server sent a message over ${bytesMax} bytes`));
        return;
      }
      bytes = events.at(-1) ?? bytes + rest;
      controller.enqueue(chunk);
    },
  });
}

/** The lengths of the parts of a chunk that empty lines divide. */
function eventBytes(chunk: Uint8Array): readonly number[] {
  const text = Buffer.from(chunk).toString("latin1");
  return text.split(/\n\r?\n|\r\r/).map((part) => part.length);
}
