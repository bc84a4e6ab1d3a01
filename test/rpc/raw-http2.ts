import { connect, type ClientHttp2Session, type IncomingHttpHeaders } from "node:http2";

/** What came back on one stream, as it was on the wire. */
export interface RawAnswer {
  readonly headers: IncomingHttpHeaders;
  readonly trailers: IncomingHttpHeaders | undefined;
  readonly body: string;
  readonly resetCode: number;
}

/** A client that sends whatever it is told to, whether a gRPC client would or not. */
export class RawClient implements Disposable {
  readonly #session: ClientHttp2Session;

  constructor(address: string) {
    this.#session = connect(`http://${address}`);
  }

  /** Sends headers and chunks, ends, and resolves when the stream is closed. */
  async ask(
    headers: Readonly<Record<string, string>>,
    chunks: readonly Buffer[],
  ): Promise<RawAnswer> {
    const stream = this.#session.request({
      ":method": "POST",
      "content-type": "application/grpc",
      te: "trailers",
      ...headers,
    });
    let answered: IncomingHttpHeaders = {};
    let trailers: IncomingHttpHeaders | undefined;
    const body: Buffer[] = [];
    stream.on("response", (received) => (answered = plain(received)));
    stream.on("trailers", (received) => (trailers = plain(received)));
    stream.on("data", (chunk: Buffer) => body.push(chunk));
    stream.on("error", () => {}); // Its code is told.
    const closed = new Promise<void>((resolve) => stream.once("close", () => resolve()));
    for (const chunk of chunks) stream.write(chunk);
    stream.end();
    await closed;
    return {
      headers: answered,
      trailers,
      body: Buffer.concat(body).toString("hex"),
      resetCode: stream.rstCode ?? 0,
    };
  }

  [Symbol.dispose](): void {
    this.#session.destroy();
  }
}

function plain(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const { date: _date, ...rest } = headers;
  return { ...rest };
}
