import type { Permission } from "../core/caller.ts";
import type {
  MutationOptions,
  Paged,
  PageRequest,
  RequestContext,
  WriteResult,
} from "./request.ts";

/** Keys by which callers show who they are. */
export interface ApiKeys {
  /** The secret is said here and never again. The tenant `system` makes keys for the whole deployment. */
  create(
    context: RequestContext,
    request: NewApiKey,
    options: MutationOptions,
  ): Promise<{ readonly key: ApiKey; readonly secret: string; readonly result: WriteResult }>;
  /** Ends it everywhere, with all that was granted to it since. `key_not_found`. */
  revoke(
    context: RequestContext,
    keyId: string,
    options: MutationOptions,
  ): Promise<{ readonly key: ApiKey; readonly result: WriteResult }>;
  list(context: RequestContext, page: PageRequest): Promise<Omit<Paged<ApiKey>, "token">>;
}

export interface NewApiKey {
  /** In words, at most 256 bytes. */
  readonly name: string;
  /** May be empty: such a key is granted what it may do by tuples. */
  readonly permissions: readonly GrantedPermission[];
  /** Absent: until it is revoked. */
  readonly lifetimeMs?: number;
}

/** What can be given: `reader` and `member` follow from these. */
export type GrantedPermission = Exclude<Permission, "reader" | "member">;

export const grantedPermissions: readonly GrantedPermission[] = [
  "checker",
  "context_provider",
  "tool_lister",
  "delegator",
  "operator",
  "writer",
  "modeller",
  "auditor",
  "admin",
  "break_glass",
];

export interface ApiKey {
  readonly id: string;
  readonly name: string;
  /** As it was made with: tuples may have given and taken since. */
  readonly permissions: readonly string[];
  readonly createdAtMs: number;
  readonly expiresAtMs?: number;
  readonly revoked: boolean;
}
