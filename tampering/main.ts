import { ageTamperings } from "./age-tamperings.ts";
import { changeTamperings } from "./change-tamperings.ts";
import { controls } from "./controls.ts";
import { liveTamperings } from "./live-tamperings.ts";
import { LogCopy } from "./log-copy.ts";
import { keep, makeRealLog } from "./real-log.ts";
import { rewritings } from "./rewriting.ts";
import { rowTamperings } from "./row-tamperings.ts";
import { tableTamperings } from "./table-tamperings.ts";

// Real servers write a log; copies of it are tampered with in every way that there is, one each, and
// verified; untampered copies are verified too. The last line is JSON. Ends with 1 where a tampering
// was not detected or an honest log was called tampered with.

const attacker = `The attacker may read and write everything in the database, and knows this program and all that the
nodes know but their private keys. The auditor has kept the last checkpoint of each chain where the
attacker cannot write. Rows behind that checkpoint are called unproven, and nothing is claimed of them.
`;

process.stdout.write(`${attacker}\n`);
const log = await makeRealLog();
const tamperings = [
  ...rowTamperings(),
  ...rewritings(),
  ...tableTamperings(),
  ...changeTamperings(),
  ...ageTamperings(),
  ...liveTamperings(),
];
let number = 0;
let detected = 0;
for (const { name, harm, isKeptAfter } of tamperings) {
  number += 1;
  await using copy = await LogCopy.make(log.connectionString, number);
  await harm(copy, log);
  const { findings, findingCount } = await copy.verify(
    isKeptAfter ? await keep(copy.connectionString) : log.kept,
  );
  if (findingCount > 0) detected += 1;
  const [first] = findings;
  say(findingCount > 0 ? "detected" : "MISSED", name, first && `${first.code}: ${first.message}`);
}
let falseAlarms = 0;
for (const { name, verify } of controls) {
  number += 1;
  await using copy = await LogCopy.make(log.connectionString, number);
  const { findings, findingCount, gaps, chains } = await verify(copy, log);
  if (findingCount > 0) falseAlarms += 1;
  const [first] = findings;
  const unproven = chains.reduce((sum, chain) => sum + chain.lastSeq - chain.provenSeq, 0);
  const shown =
    first === undefined ? `${gaps.length} gaps, ${unproven} rows unproven` : first.message;
  say(findingCount === 0 ? "untouched" : "FALSE ALARM", name, shown);
}
const result = {
  tampered: tamperings.length,
  detected,
  controls: controls.length,
  false_alarms: falseAlarms,
};
process.stdout.write(`${JSON.stringify(result)}\n`);
process.exitCode = detected === tamperings.length && falseAlarms === 0 ? 0 : 1;

function say(verdict: string, name: string, detail: string | undefined): void {
  process.stdout.write(
    `${verdict.padEnd(11)} ${name}${detail === undefined ? "" : ` (${detail})`}\n`,
  );
}
