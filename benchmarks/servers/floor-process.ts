import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** A server that knows one answer, in its own process. */
export interface FloorProcess extends Disposable {
  readonly port: number;
  readonly processId: number;
}

export async function startFloor(
  stack: "http1" | "http2" | "grpc-js",
  path: string,
  answer: Uint8Array,
): Promise<FloorProcess> {
  const program = fileURLToPath(new URL("./floor.ts", import.meta.url));
  const text = Buffer.from(answer).toString("base64");
  const child = spawn(
    process.execPath,
    [program, `--stack=${stack}`, `--path=${path}`, `--answer=${text}`],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  const [line] = await once(child.stdout, "data");
  if (child.pid === undefined) throw new Error(`the floor of ${stack} did not start`);
  return { port: Number(line), processId: child.pid, [Symbol.dispose]: () => void child.kill() };
}
