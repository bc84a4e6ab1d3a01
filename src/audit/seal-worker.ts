import { parentPort } from "node:worker_threads";
import { sealBlock } from "./seal.ts";
import { ready, type SealAnswer, type SealRequest } from "./sealer.ts";

parentPort?.on("message", ({ id, previous, block }: SealRequest) => {
  const { hashes, head, packed } = sealBlock(previous, block);
  const usedUp = block.bytes.buffer;
  const answer: SealAnswer = { id, hashes, head, packed, usedUp };
  parentPort?.postMessage(answer, [hashes.buffer, usedUp]);
});

parentPort?.postMessage(ready);
