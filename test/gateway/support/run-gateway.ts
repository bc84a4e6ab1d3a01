import { runGateway } from "../../../src/gateway/gateway.ts";
import { createLog } from "../../../src/rpc/log.ts";

process.exitCode = await runGateway(process.argv.slice(2), createLog);
