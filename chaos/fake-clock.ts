import { existsSync, readdirSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";

const libraries = "/usr/lib";

/** Steps the wall clock of one process, and leaves its monotonic one alone. */
export interface FakeClock {
  /** What the process must be started with. */
  readonly environment: Readonly<Record<string, string>>;
  /** Ahead of the true time, or behind it. It shows within a second. */
  set(aheadMs: number): Promise<void>;
}

/** Debian's libfaketime, where it is installed. */
export function findFakeTime(): string | undefined {
  if (!existsSync(libraries)) return undefined;
  return readdirSync(libraries)
    .map((name) => join(libraries, name, "faketime", "libfaketimeMT.so.1"))
    .find((file) => existsSync(file));
}

/** What is set is passed on in a file of the folder. */
export async function makeFakeClock(library: string, folder: string): Promise<FakeClock> {
  const file = join(folder, "clock");
  const set = (aheadMs: number): Promise<void> =>
    writeFile(file, `${aheadMs < 0 ? "-" : "+"}${(Math.abs(aheadMs) / 1000).toFixed(3)}\n`);
  await set(0);
  return {
    environment: {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: file,
      // In seconds: between two looks at the file.
      FAKETIME_CACHE_DURATION: "1",
      FAKETIME_DONT_FAKE_MONOTONIC: "1",
      DONT_FAKE_MONOTONIC: "1",
    },
    set,
  };
}
