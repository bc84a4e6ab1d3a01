import { once } from "node:events";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { loadFileDescriptorSetFromBuffer, loadSync } from "@grpc/proto-loader";
import type { PackageDefinition } from "@grpc/proto-loader";
import { create, toBinary } from "@bufbuild/protobuf";
import { fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import type { FileDescriptorProto } from "@bufbuild/protobuf/wkt";
import { PlainClient, type Plain } from "./plain-grpc.ts";

const reflectionFolder = join(
  dirname(createRequire(import.meta.url).resolve("@grpc/reflection/package.json")),
  "build/proto/grpc/reflection/v1",
);

/** What a server says of itself: the names of its services, and their definitions. */
export interface Reflected {
  readonly services: readonly string[];
  readonly definition: PackageDefinition;
}

/** Asks a server by the reflection protocol alone, and knows no file of ours. */
export async function reflect(address: string): Promise<Reflected> {
  const protocol = loadSync("reflection.proto", {
    keepCase: true,
    enums: String,
    includeDirs: [reflectionFolder],
  });
  using client = new PlainClient(protocol, "grpc.reflection.v1.ServerReflection", address);
  const listed = await ask(client, { list_services: "*" });
  const services = read(listed, "list_services_response", "service").map((service) =>
    String(service["name"]),
  );
  const files = new Map<string, FileDescriptorProto>();
  for (const symbol of services) {
    const answer = await ask(client, { file_containing_symbol: symbol });
    for (const file of filesOf(answer)) files.set(file.name, file);
  }
  // Everything that a file asks for is asked for too, as a client does that is not sent it at once.
  for (const file of files.values()) {
    for (const filename of file.dependency) {
      if (files.has(filename)) continue;
      const answer = await ask(client, { file_by_filename: filename });
      for (const found of filesOf(answer)) files.set(found.name, found);
    }
  }
  const set = create(FileDescriptorSetSchema, { file: [...files.values()] });
  const definition = loadFileDescriptorSetFromBuffer(
    Buffer.from(toBinary(FileDescriptorSetSchema, set)),
    { keepCase: true, longs: String, enums: String },
  );
  return { services, definition };
}

async function ask(client: PlainClient, question: Plain): Promise<Plain> {
  const stream = client.duplex("ServerReflectionInfo");
  stream.write(question);
  const answered = once(stream, "data");
  const ended = once(stream, "end");
  const [answer] = await answered;
  stream.end();
  await ended;
  return answer;
}

function filesOf(answer: Plain): FileDescriptorProto[] {
  const response: unknown = Reflect.get(answer, "file_descriptor_response");
  const encoded: unknown =
    typeof response === "object" && response !== null
      ? Reflect.get(response, "file_descriptor_proto")
      : undefined;
  if (!Array.isArray(encoded)) throw new Error(`no files in ${JSON.stringify(answer)}`);
  return encoded.map((bytes: Uint8Array) => fromBinary(FileDescriptorProtoSchema, bytes));
}

function read(answer: Plain, part: string, list: string): Plain[] {
  const found: unknown = Reflect.get(Object(answer[part]), list);
  if (!Array.isArray(found)) throw new Error(`no ${list} in ${JSON.stringify(answer)}`);
  return found;
}
