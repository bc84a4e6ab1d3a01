import type { Server } from "node:net";
import { DomainError } from "../core/error.ts";

/** Binds the server, and returns the port that it got. The option is what an operator would change. */
export async function listen(
  server: Server,
  { host, port }: { readonly host: string; readonly port: number },
  option: string,
): Promise<number> {
  return await new Promise((resolve, reject) => {
    server.once("error", (cause) => {
      const taken = "code" in cause && cause.code === "EADDRINUSE";
      const problem = taken ? "another process listens there" : cause.message;
      const message = `cannot listen on \`${host}:${port}\`: ${problem}, choose another address with ${option}`;
      reject(new DomainError("not_supported", message, { cause }));
    });
    server.listen(port, host, () => {
      const bound = server.address();
      resolve(typeof bound === "object" && bound !== null ? bound.port : port);
    });
  });
}
