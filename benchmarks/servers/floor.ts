import { createServer as createHttp1Server } from "node:http";
import { createServer, type ServerHttp2Stream } from "node:http2";
import { parseArgs } from "node:util";
import { Server, ServerCredentials } from "@grpc/grpc-js";

// What an answer costs that says nothing: servers that read a message and send another, always the
// same. Prints its port, and serves until it is killed.

const { values } = parseArgs({
  options: { stack: { type: "string" }, path: { type: "string" }, answer: { type: "string" } },
});
const path = values.path ?? "";
const answer = Buffer.from(values.answer ?? "", "base64");

if (values.stack === "http2") serveByHand();
else if (values.stack === "grpc-js") serveGrpc();
else if (values.stack === "http1") serveHttp1();
else throw new Error("--stack must be http1, http2 or grpc-js");

/** As little as gRPC can be on `node:http2`. */
function serveByHand(): void {
  const framed = Buffer.concat([Buffer.alloc(5), answer]);
  framed.writeUInt32BE(answer.length, 1);
  const server = createServer();
  server.on("stream", (stream: ServerHttp2Stream) => {
    let bytes = 0;
    stream.on("data", (chunk: Buffer) => (bytes += chunk.length));
    stream.once("end", () => {
      if (bytes < 5) throw new Error("a request without a message");
      stream.respond(
        { ":status": 200, "content-type": "application/grpc+proto" },
        { waitForTrailers: true },
      );
      stream.once("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
      stream.end(framed);
    });
    stream.on("error", () => {});
  });
  server.listen(0, "127.0.0.1", () => {
    const address = server.address();
    if (typeof address !== "object" || address === null) throw new Error("no port");
    tellPort(address.port);
  });
}

/** As little as Connect's unary JSON can be on `node:http`. */
function serveHttp1(): void {
  const server = createHttp1Server((request, response) => {
    let bytes = 0;
    request.on("data", (chunk: Buffer) => (bytes += chunk.length));
    request.on("end", () => {
      if (bytes < 2) throw new Error("a request without a message");
      response.writeHead(200, {
        "content-type": "application/json",
        "content-length": answer.length,
      });
      response.end(answer);
    });
  });
  server.listen(0, "127.0.0.1", () => {
    const address = server.address();
    if (typeof address !== "object" || address === null) throw new Error("no port");
    tellPort(address.port);
  });
}

function serveGrpc(): void {
  const server = new Server();
  const asItIs = (bytes: Buffer): Buffer => bytes;
  server.register<Buffer, Buffer>(
    path,
    (_call: unknown, respond: (error: null, message: Buffer) => void) => respond(null, answer),
    asItIs,
    asItIs,
    "unary",
  );
  server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
    if (error !== null) throw error;
    tellPort(port);
  });
}

function tellPort(port: number): void {
  process.stdout.write(`${port}\n`);
}
