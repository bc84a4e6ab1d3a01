import type { Scan } from "../../../src/replica/db.ts";
import type { Written } from "./database-state.ts";
import type { SimulatedDatabase } from "./database.ts";

export interface Scanned extends Written {
  readonly scan: Scan;
}

/** As a session scans once its commit is done. */
export function scannedWith(
  database: SimulatedDatabase,
  tenant: string,
  done: (result: Scanned | Error) => void,
): (result: Written | Error) => void {
  return (result) => {
    if (result instanceof Error) done(result);
    else done({ ...result, scan: database.scan([{ tenant, revision: result.revision }]) });
  };
}
