import { runGateway } from "../../../src/gateway/gateway.ts";

process.exitCode = await runGateway(process.argv.slice(2));
