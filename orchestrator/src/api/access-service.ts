// Join tokens and API keys over the wire: checks requests, converts records, and never shows a secret twice.
import type { MessageInitShape } from '@bufbuild/protobuf';
import { type Duration, durationMs, timestampFromMs } from '@bufbuild/protobuf/wkt';
import { AppError } from '@muster/common/errors/app-error';
import { asApiKeyId, asJoinTokenId } from '@muster/common/ids/ids';
import {
  AccessService,
  type ApiKeySchema,
  type CreateJoinTokenRequest,
  type JoinTokenSchema,
} from '@muster/gen/muster/control/v1/access_service_pb';
import type { Role } from '@muster/gen/muster/control/v1/role_pb';
import type { ApiKeyRecord, KeyRole } from '../access/access-store.ts';
import type { ApiKeys } from '../access/api-keys.ts';
import { type Problem, throwProblems } from '../domain/problem.ts';
import { labelProblems } from '../domain/selector.ts';
import type { JoinTokenRecord } from '../pki/enrollment-store.ts';
import type { JoinTokens } from '../pki/join-tokens.ts';
import { principalOf } from './call-context.ts';
import { keyRoleOf, roleToWire } from './key-role.ts';
import { type PageTokens, pageSizeOf } from './page-token.ts';
import { type ServedService, serve } from './served-service.ts';

const MOST_USES = 10_000;
const DEFAULT_TTL_MS = 60 * 60_000;
const SHORTEST_TTL_MS = 60_000;
/** Ten years, as long as the authority lives. */
const LONGEST_TTL_MS = 10 * 365 * 86_400_000;

/** What it needs. */
export interface AccessServiceDeps {
  readonly joinTokens: JoinTokens;
  readonly keys: ApiKeys;
  readonly pages: PageTokens;
}

/** Serves join tokens and API keys. */
export function accessService(deps: AccessServiceDeps): ServedService {
  const { joinTokens, keys, pages } = deps;
  const tokenList = [`${AccessService.typeName}/ListJoinTokens`];
  const keyList = [`${AccessService.typeName}/ListApiKeys`];
  return serve(AccessService, {
    async createJoinToken(request, context) {
      throwProblems('invalid_argument', joinTokenProblems(request));
      const made = await joinTokens.create({
        ...(request.unlimitedUses ? {} : { uses: request.uses ?? 1 }),
        timeToLiveMs: ttlMsOf(request.timeToLive),
        labels: request.labels,
        createdBy: principalOf(context.values).name,
      });
      return { token: made.text, joinToken: joinTokenToWire(made.record) };
    },
    async listJoinTokens(request) {
      const limit = pageSizeOf(request.pageSize);
      const cursor = pages.open(request.pageToken, tokenList);
      const after = cursor === undefined ? undefined : asJoinTokenId(cursor, 'page_token');
      const page = pageOf(await joinTokens.list(limit + 1, after), limit, (id) => pages.seal(id, tokenList));
      return { joinTokens: page.records.map(joinTokenToWire), nextPageToken: page.next };
    },
    async revokeJoinToken(request) {
      const id = asJoinTokenId(request.joinTokenId, 'join_token_id');
      return { joinToken: joinTokenToWire(await joinTokens.revoke(id)) };
    },
    async createApiKey(request) {
      const made = await keys.create(request.name, requiredRole(request.role));
      return { key: made.text, apiKey: apiKeyToWire(made.record) };
    },
    async listApiKeys(request) {
      const limit = pageSizeOf(request.pageSize);
      const cursor = pages.open(request.pageToken, keyList);
      const after = cursor === undefined ? undefined : asApiKeyId(cursor, 'page_token');
      const page = pageOf(await keys.list(limit + 1, after), limit, (id) => pages.seal(id, keyList));
      return { apiKeys: page.records.map(apiKeyToWire), nextPageToken: page.next };
    },
    async revokeApiKey(request) {
      return { apiKey: apiKeyToWire(await keys.revoke(asApiKeyId(request.apiKeyId, 'api_key_id'))) };
    },
  });
}

function joinTokenProblems(request: CreateJoinTokenRequest): readonly Problem[] {
  const problems: Problem[] = [];
  if (request.unlimitedUses && request.uses !== undefined) {
    problems.push({ field: 'uses', message: 'can not stand together with unlimited_uses' });
  }
  if (request.uses !== undefined && (request.uses < 1 || request.uses > MOST_USES)) {
    problems.push({ field: 'uses', message: `must be 1 to ${MOST_USES}; for more set unlimited_uses` });
  }
  const ttlMs = ttlMsOf(request.timeToLive);
  if (!(ttlMs >= SHORTEST_TTL_MS && ttlMs <= LONGEST_TTL_MS)) {
    problems.push({ field: 'time_to_live', message: 'must be 1 minute to 10 years' });
  }
  return [...problems, ...labelProblems(request.labels, 'labels')];
}

function ttlMsOf(duration: Duration | undefined): number {
  return duration === undefined ? DEFAULT_TTL_MS : durationMs(duration);
}

/** The page, of records of which one more was asked for than is shown. */
function pageOf<R extends { readonly id: string }>(
  records: readonly R[],
  limit: number,
  seal: (id: string) => string,
): { readonly records: readonly R[]; readonly next: string } {
  const shown = records.slice(0, limit);
  const last = shown.at(-1);
  return { records: shown, next: records.length > limit && last !== undefined ? seal(last.id) : '' };
}

function joinTokenToWire(record: JoinTokenRecord): MessageInitShape<typeof JoinTokenSchema> {
  return {
    id: record.id,
    ...(record.usesLeft === undefined ? {} : { usesLeft: record.usesLeft }),
    expiresTime: timestampFromMs(record.expiresAtMs),
    createdTime: timestampFromMs(record.createdAtMs),
    labels: { ...record.labels },
    revoked: record.revoked,
    createdBy: record.createdBy,
  };
}

function apiKeyToWire(record: ApiKeyRecord): MessageInitShape<typeof ApiKeySchema> {
  const { id, name, revoked } = record;
  return { id, name, role: roleToWire(record.role), createdTime: timestampFromMs(record.createdAtMs), revoked };
}

function requiredRole(role: Role): KeyRole {
  const known = keyRoleOf(role);
  if (known !== undefined) return known;
  throw new AppError('invalid_argument', 'must be viewer, operator or admin', { field: 'role' });
}
