import { parentPort } from "node:worker_threads";
import { linkRows } from "./chain.ts";
import { packRows } from "./packing.ts";
import { ready, type SealAnswer, type SealRequest } from "./sealer.ts";

parentPort?.on("message", ({ id, previous, rows }: SealRequest) => {
  const { hashes, head } = linkRows(previous, rows.split("\n"));
  const answer: SealAnswer = { id, hashes, head, packed: packRows(rows) };
  parentPort?.postMessage(answer);
});

parentPort?.postMessage(ready);
