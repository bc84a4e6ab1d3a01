#!/usr/bin/env node
// Plain JavaScript, so that an older Node can say what it lacks, or hand over to a newer one.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const nodeMajorMin = 24;
const folder = dirname(dirname(fileURLToPath(import.meta.url)));
const [command = "help", ...rest] = process.argv.slice(2);

if (Number(process.versions.node.split(".")[0]) < nodeMajorMin) {
  handOver();
} else {
  process.exitCode = await run();
}

/** Runs the command; the server stays up until it is told to stop. */
async function run() {
  if (command === "serve") {
    const { serve } = await import(moduleFile("main"));
    return await serve(rest);
  }
  if (command === "admin") {
    const { adminInit } = await import(moduleFile("admin-init"));
    return await adminInit(rest);
  }
  if (command === "gateway") {
    const { runGateway } = await import(moduleFile("gateway/gateway"));
    const { createLog } = await import(moduleFile("rpc/log"));
    return await runGateway(rest, createLog);
  }
  const { runCli } = await import(moduleFile("cli/main"));
  return await runCli([command, ...rest]);
}

/** The published package has JavaScript; in the repository the sources run as they are. */
function moduleFile(name) {
  const built = join(folder, "dist", `${name}.js`);
  return existsSync(built) ? built : join(folder, "src", `${name}.ts`);
}

/** Runs this file again under the Node that the package `node` has brought along. */
function handOver() {
  const node = newerNode();
  if (node === undefined) {
    process.stderr.write(
      `prokura needs Node ${nodeMajorMin} or newer, this is ${process.version}: ` +
        "install it, or run `npm ci` in the project, which brings one along\n",
    );
    process.exitCode = 1;
    return;
  }
  const child = spawn(node, process.argv.slice(1), { stdio: "inherit" });
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"]) {
    process.on(signal, () => {
      // A terminal sends Ctrl-C to both: passed on it would count as the second one.
      if (signal !== "SIGINT" || !process.stdin.isTTY) child.kill(signal);
    });
  }
  child.on("exit", (code, signal) => {
    process.exitCode = code ?? (signal === null ? 1 : 128);
  });
}

function newerNode() {
  try {
    const manifest = createRequire(import.meta.url).resolve("node/package.json");
    const node = join(dirname(manifest), "bin", "node");
    return existsSync(node) ? node : undefined;
  } catch {
    return undefined;
  }
}
