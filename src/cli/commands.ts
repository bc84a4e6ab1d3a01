import { check, explain } from "./check.ts";
import type { Command } from "./command.ts";
import { delegate, renew } from "./delegate.ts";
import { getDelegation, listDelegations } from "./delegations.ts";
import { expand } from "./expand.ts";
import { createKey, listKeys, revokeKey } from "./keys.ts";
import { listObjects, listSubjects } from "./lists.ts";
import { listChanges } from "./log-changes.ts";
import { exportLog, readCheckpoint } from "./log-export.ts";
import { listDecisions } from "./log-list.ts";
import { listPastTools, reviewDecision } from "./log-review.ts";
import { verifyCommand } from "./log-verify.ts";
import { testModel } from "./model-test.ts";
import { activateModel, listModels, readModelCommand, writeModel } from "./models.ts";
import { listNodes, waitFor } from "./nodes.ts";
import { offboard } from "./offboard.ts";
import { relationCheck } from "./relation-check.ts";
import { revoke } from "./revoke.ts";
import { resume, suspend } from "./suspend.ts";
import { createTenant, listTenants } from "./tenants.ts";
import { deleteTuples, readTuplesCommand, writeTuples } from "./tuple-commands.ts";
import { exportTuples, importTuples } from "./tuple-transfer.ts";
import { importTools } from "./tools-import.ts";
import { listTools } from "./tools-list.ts";
import { watch } from "./watch.ts";

/** Every command, in the order of the help. `serve` and `gateway` are started without this table. */
export const commands: readonly Command[] = [
  check,
  explain,
  delegate,
  renew,
  revoke,
  suspend,
  resume,
  offboard,
  listDelegations,
  getDelegation,
  relationCheck,
  expand,
  listObjects,
  listSubjects,
  writeTuples,
  readTuplesCommand,
  deleteTuples,
  importTuples,
  exportTuples,
  writeModel,
  readModelCommand,
  listModels,
  activateModel,
  testModel,
  listTools,
  importTools,
  watch,
  waitFor,
  listDecisions,
  listChanges,
  reviewDecision,
  listPastTools,
  verifyCommand,
  exportLog,
  readCheckpoint,
  createTenant,
  listTenants,
  createKey,
  revokeKey,
  listKeys,
  listNodes,
];
