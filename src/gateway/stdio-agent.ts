import { once } from "node:events";
import type { Readable, Writable } from "node:stream";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import type { JSONRPCMessage } from "@modelcontextprotocol/sdk/types.js";
import { formatMessageError, MessageError, parseMessage, rpcCodes } from "./message.ts";

/**
 * The agent at the other end of stdin and stdout: one message a line. Unlike the transport of the SDK
 * it parses strictly, answers what is no message, and ends when the agent closes its end. A line over
 * `messageBytesMax` ends the connection: where the next message begins cannot be told.
 */
export function connectStdioAgent(
  input: Readable,
  output: Writable,
  messageBytesMax: number,
): Transport {
  let rest = Buffer.alloc(0);
  const transport: Transport = {
    async start() {
      input.on("data", take);
      input.once("end", finish);
      input.once("error", finish);
      output.once("error", finish);
    },
    async send(message) {
      await write(JSON.stringify(message));
    },
    async close() {
      finish();
    },
  };
  return transport;

  function take(chunk: Buffer): void {
    rest = Buffer.concat([rest, chunk]);
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
      const line = rest.subarray(0, end);
      rest = rest.subarray(end + 1);
      if (line.length > messageBytesMax) return tooLong();
      takeLine(line);
    }
    if (rest.length > messageBytesMax) tooLong();
  }

  function takeLine(line: Buffer): void {
    if (/^\s*$/.test(line.toString("latin1"))) return;
    let message: JSONRPCMessage;
    try {
      message = parseMessage(new TextDecoder("utf-8", { fatal: true }).decode(line));
    } catch (cause) {
      refuse(cause instanceof MessageError ? cause : notText(cause));
      return;
    }
    transport.onmessage?.(message);
  }

  function tooLong(): void {
    refuse(new MessageError(rpcCodes.invalidRequest, `a message is over ${messageBytesMax} bytes`));
    finish();
  }

  function refuse(error: MessageError): void {
    write(formatMessageError(error)).catch((cause: unknown) => {
      transport.onerror?.(cause instanceof Error ? cause : new Error(String(cause)));
    });
  }

  async function write(line: string): Promise<void> {
    if (!output.write(`${line}\n`)) await once(output, "drain");
  }

  function finish(): void {
    input.off("data", take);
    input.pause();
    const { onclose } = transport;
    transport.onclose = undefined;
    onclose?.();
  }
}

function notText(cause: unknown): MessageError {
  return new MessageError(rpcCodes.parseError, "the message is not UTF-8", { cause });
}
