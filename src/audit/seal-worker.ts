import { parentPort } from "node:worker_threads";
import { sealBlock } from "./seal.ts";
import { ready, type SealAnswer, type SealRequest } from "./sealer.ts";

parentPort?.on("message", ({ id, previous, block }: SealRequest) => {
  const answer: SealAnswer = { id, ...sealBlock(previous, block) };
  parentPort?.postMessage(answer);
});

parentPort?.postMessage(ready);
