import { mkdtemp, mkdir, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";

/** A folder with a shared and a private part, and links between them. */
export interface FileWorld extends AsyncDisposable {
  readonly root: string;
  readonly configFile: string;
}

const serverFilesystem = join(
  import.meta.dirname,
  "../../../node_modules/@modelcontextprotocol/server-filesystem/dist/index.js",
);

export async function createFileWorld(config: object = {}): Promise<FileWorld> {
  const root = await realpath(await mkdtemp(join(tmpdir(), "prokura-gateway-")));
  await mkdir(join(root, "shared/deep"), { recursive: true });
  await mkdir(join(root, "private"));
  await writeFile(join(root, "shared/plan.txt"), "the plan");
  await writeFile(join(root, "shared/deep/note.txt"), "the note");
  await writeFile(join(root, "private/secret.txt"), "the secret");
  await symlink(join(root, "private/secret.txt"), join(root, "shared/link.txt"));
  await symlink(join(root, "private"), join(root, "shared/door"));
  await symlink(join(root, "nowhere"), join(root, "shared/dangling"));
  const configFile = join(root, "gateway.yaml");
  await writeFile(configFile, stringify({ ...fileServerConfig(root), ...config }));
  return {
    root,
    configFile,
    [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }),
  };
}

/** The real file server behind a gateway, its tools mapped. */
export function fileServerConfig(root: string): Record<string, unknown> {
  const access = (type: string, path: string, role?: string): object => ({
    path,
    type,
    kind: "path",
    ...(role === undefined ? {} : { role }),
  });
  return {
    server: "fs",
    upstream: { command: process.execPath, args: [serverFilesystem, root] },
    identity: { principal: "user:alice", actors: ["agent:scout"] },
    files: { root, resolve_links: true },
    tools: {
      read_text_file: { accesses: [access("file", "$.path")] },
      read_multiple_files: { accesses: [access("file", "$.paths[*]")] },
      write_file: { accesses: [access("file", "$.path")] },
      list_directory: { accesses: [access("folder", "$.path")] },
      move_file: {
        accesses: [
          access("file", "$.source", "source"),
          access("file", "$.destination", "destination"),
        ],
      },
    },
  };
}
