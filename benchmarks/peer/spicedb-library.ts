import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { PeerCheck, PeerWorld } from "./peer-job.ts";

/** The part of the package's foreign functions that is called here. */
interface ForeignFunctions {
  spicedb_start(options: object): { readonly handle: number };
  spicedb_schema_write_schema(handle: number, request: Uint8Array): Uint8Array;
  spicedb_permissions_write_relationships(handle: number, request: Uint8Array): Uint8Array;
  spicedb_permissions_check_permission(handle: number, request: Uint8Array): Uint8Array;
}

interface Messages {
  readonly v1: {
    readonly WriteSchemaRequest: Codec;
    readonly WriteRelationshipsRequest: Codec;
    readonly CheckPermissionRequest: Codec;
    readonly CheckPermissionResponse: Codec;
  };
}

interface Codec {
  toBinary(message: object): Uint8Array;
  fromBinary(bytes: Uint8Array): { readonly permissionship?: number };
}

const writesMax = 500;
const touch = 2;
const hasPermission = 2;

/**
 * SpiceDB within this process. Messages go to its foreign functions as they are: what the package's own
 * client adds to every call is left out, in its favour.
 */
export interface SpicedbLibrary {
  /** A server of its own with this in it. */
  start(world: PeerWorld): number;
  encode(check: PeerCheck): Uint8Array;
  call(handle: number, check: Uint8Array): Uint8Array;
  isAllowed(answer: Uint8Array): boolean;
}

export async function loadSpicedb(packageFolder: string): Promise<SpicedbLibrary> {
  const load = async (file: string): Promise<unknown> =>
    await import(pathToFileURL(join(packageFolder, "dist", file)).href);
  // The package is not there when this is compiled: these are the parts of it that are called.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const functions = (await load("ffi.js")) as ForeignFunctions;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const { v1 } = (await load("index.js")) as Messages;
  return {
    start({ schema, relationships }) {
      const { handle } = functions.spicedb_start({});
      functions.spicedb_schema_write_schema(handle, v1.WriteSchemaRequest.toBinary({ schema }));
      for (let at = 0; at < relationships.length; at += writesMax) {
        const updates = relationships
          .slice(at, at + writesMax)
          .map((relationship) => ({ operation: touch, relationship }));
        const request = { updates, optionalPreconditions: [] };
        const bytes = v1.WriteRelationshipsRequest.toBinary(request);
        functions.spicedb_permissions_write_relationships(handle, bytes);
      }
      return handle;
    },
    encode: (check) =>
      v1.CheckPermissionRequest.toBinary({
        ...check,
        consistency: { requirement: { oneofKind: "minimizeLatency", minimizeLatency: true } },
        withTracing: false,
      }),
    call: (handle, check) => functions.spicedb_permissions_check_permission(handle, check),
    isAllowed: (answer) =>
      v1.CheckPermissionResponse.fromBinary(answer).permissionship === hasPermission,
  };
}
