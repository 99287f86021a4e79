// Join tokens as administrators handle them: made with a secret that is shown once, listed without it, revoked.
import type { Clock } from '@muster/common/clock/clock';
import { AppError } from '@muster/common/errors/app-error';
import { asJoinTokenId, type Ids, type JoinTokenId } from '@muster/common/ids/ids';
import { formatJoinToken } from '@muster/common/join-token/join-token';
import type { Random } from '@muster/common/random/random';
import type { EnrollmentStore, JoinTokenRecord } from './enrollment-store.ts';
import { secretSha256 } from './secret-hash.ts';

/** 256 bits: a secret that is also a signature of trust for machine images of years. */
const SECRET_BYTES = 32;

/** What a token shall be, checked by the caller. */
export interface NewJoinToken {
  /** Unset: unlimited. */
  readonly uses?: number;
  readonly timeToLiveMs: number;
  readonly labels: Readonly<Record<string, string>>;
  /** Name of the API key that makes it. */
  readonly createdBy: string;
}

/** What join tokens need. */
export interface JoinTokenDeps {
  readonly store: EnrollmentStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly ids: Ids;
  readonly caSha256: string;
  /** Where machines enrol, host:port. Asked for at each token, because port 0 is known only after listening. */
  readonly controlAddresses: () => readonly string[];
}

/** The use cases. */
export interface JoinTokens {
  /** Stores a token and returns its text, which is kept nowhere. */
  create(wanted: NewJoinToken): Promise<{ readonly text: string; readonly record: JoinTokenRecord }>;
  /** Newest first. */
  list(limit: number, after: JoinTokenId | undefined): Promise<readonly JoinTokenRecord[]>;
  /** Throws not_found. */
  revoke(id: JoinTokenId): Promise<JoinTokenRecord>;
}

/** Makes them. */
export function joinTokens(deps: JoinTokenDeps): JoinTokens {
  const { store, clock, random, ids } = deps;
  return {
    async create(wanted) {
      const secret = Buffer.from(random.bytes(SECRET_BYTES)).toString('base64url');
      const createdAtMs = clock.nowMs();
      const record: JoinTokenRecord = {
        id: asJoinTokenId(ids.next()),
        secretSha256: secretSha256(secret),
        ...(wanted.uses === undefined ? {} : { usesLeft: wanted.uses }),
        labels: wanted.labels,
        createdBy: wanted.createdBy,
        createdAtMs,
        expiresAtMs: createdAtMs + wanted.timeToLiveMs,
        revoked: false,
      };
      await store.createToken(record);
      const addresses = deps.controlAddresses();
      return { text: formatJoinToken({ addresses, caSha256: deps.caSha256, tokenId: record.id, secret }), record };
    },
    list: (limit, after) => store.listTokens(limit, after),
    async revoke(id) {
      const record = await store.revokeToken(id);
      if (record === undefined) throw new AppError('not_found', `no join token has the id ${id}`);
      return record;
    },
  };
}
