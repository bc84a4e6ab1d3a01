import type { MessageInitShape } from "@bufbuild/protobuf";
import { quote } from "../core/object.ts";
import {
  AdminService,
  type ApiKeySchema,
  type CreateApiKeyRequest,
} from "../gen/prokura/v1/admin_pb.ts";
import {
  grantedPermissions,
  type ApiKey,
  type ApiKeys,
  type NewApiKey,
} from "../service/api-keys.ts";
import { inTenant, type Transport } from "./call.ts";
import { malformed, requiredTextFromProto, textFromProto } from "./field.ts";
import type { RequestLimits } from "./limits.ts";
import {
  optionsFromProto,
  optionsWithoutKeyFromProto,
  pageFromProto,
  resultToProto,
  tenantFromProto,
} from "./request.ts";
import { durationFromProto, timestampToProto } from "./time.ts";

const nameBytesMax = 256;
const keyIdBytesMax = 64;

/** The keys' part of the `AdminService`. */
export function addKeyHandlers(transport: Transport, keys: ApiKeys, limits: RequestLimits): void {
  const { method } = AdminService;
  transport.unary(method.createApiKey, async (request, call) => {
    const { key, secret, result } = await keys.create(
      inTenant(call, tenantFromProto(request.tenant)),
      newKeyFromProto(request),
      optionsWithoutKeyFromProto(request.options, "the secret is not kept to be said twice"),
    );
    return { key: keyToProto(key), secret, result: resultToProto(result) };
  });
  transport.unary(method.revokeApiKey, async (request, call) => {
    const { key, result } = await keys.revoke(
      inTenant(call, tenantFromProto(request.tenant)),
      requiredTextFromProto(request.keyId, keyIdBytesMax, "key_id"),
      optionsFromProto(request.options),
    );
    return { key: keyToProto(key), result: resultToProto(result) };
  });
  transport.unary(method.listApiKeys, async (request, call) => {
    const page = await keys.list(
      inTenant(call, tenantFromProto(request.tenant)),
      pageFromProto(request, limits),
    );
    return { keys: page.items.map(keyToProto), nextPageToken: page.nextPageToken ?? "" };
  });
}

function newKeyFromProto(request: CreateApiKeyRequest): NewApiKey {
  const permissions = [...new Set(request.permissions)].map((text, index) => {
    const known = grantedPermissions.find((one) => one === text);
    if (known !== undefined) return known;
    const problem = `must be one of ${grantedPermissions.join(", ")}, got ${quote(text)}`;
    throw malformed(`permissions[${index}]`, problem);
  });
  const { lifetime } = request;
  const lifetimeMs = lifetime === undefined ? undefined : durationFromProto(lifetime, "lifetime");
  if (lifetimeMs !== undefined && lifetimeMs <= 0) throw malformed("lifetime", "must be over 0");
  return {
    name: textFromProto(request.name, nameBytesMax, "name"),
    permissions,
    ...(lifetimeMs === undefined ? {} : { lifetimeMs }),
  };
}

function keyToProto(key: ApiKey): MessageInitShape<typeof ApiKeySchema> {
  const { id, name, permissions, createdAtMs, expiresAtMs, revoked } = key;
  return {
    id,
    name,
    permissions: [...permissions],
    createdAt: timestampToProto(createdAtMs),
    ...(expiresAtMs === undefined ? {} : { expiresAt: timestampToProto(expiresAtMs) }),
    revoked,
  };
}
