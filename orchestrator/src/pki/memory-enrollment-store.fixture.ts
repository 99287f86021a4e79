// Enrolments in memory, for tests that need a store and not its disk.
import type { JoinTokenId } from '@muster/common/ids/ids';
import type { EnrollmentStore, IssueRequest, IssueResult, JoinTokenRecord } from './enrollment-store.ts';
import { sameSecretSha256 } from './secret-hash.ts';

const REPEAT_WITHIN_MS = 10 * 60_000;

interface Issued {
  readonly request: IssueRequest;
  readonly nodeName: string;
}

/** An enrolment store without a disk. */
export class MemoryEnrollmentStore implements EnrollmentStore {
  readonly #tokens = new Map<JoinTokenId, JoinTokenRecord>();
  readonly issued: Issued[] = [];

  async createToken(token: JoinTokenRecord): Promise<void> {
    this.#tokens.set(token.id, token);
  }

  async listTokens(limit: number, after: JoinTokenId | undefined): Promise<readonly JoinTokenRecord[]> {
    const newestFirst = [...this.#tokens.values()].sort((one, other) => (one.id < other.id ? 1 : -1));
    return newestFirst.filter((token) => after === undefined || token.id < after).slice(0, limit);
  }

  async revokeToken(id: JoinTokenId): Promise<JoinTokenRecord | undefined> {
    const token = this.#tokens.get(id);
    if (token === undefined) return undefined;
    const revoked = { ...token, revoked: true };
    this.#tokens.set(id, revoked);
    return revoked;
  }

  async issue(request: IssueRequest): Promise<IssueResult> {
    const token = this.#tokens.get(request.tokenId);
    if (token === undefined) return { kind: 'refused', reason: 'unknown' };
    if (!sameSecretSha256(token.secretSha256, request.secretSha256)) return { kind: 'refused', reason: 'wrong_secret' };
    if (token.revoked) return { kind: 'refused', reason: 'revoked' };
    const earlier = this.issued.find((each) => sameAsk(each.request, request));
    if (earlier !== undefined) {
      const { nodeId, certificatePem, expiresAtMs } = earlier.request;
      return { kind: 'repeated', nodeId, nodeName: earlier.nodeName, certificatePem, expiresAtMs };
    }
    if (token.expiresAtMs <= request.atMs) return { kind: 'refused', reason: 'expired' };
    if (token.usesLeft === 0) return { kind: 'refused', reason: 'used_up' };
    if (token.usesLeft !== undefined) this.#tokens.set(token.id, { ...token, usesLeft: token.usesLeft - 1 });
    this.issued.push({ request, nodeName: request.wantedName });
    return { kind: 'issued', nodeId: request.nodeId, nodeName: request.wantedName };
  }
}

function sameAsk(one: IssueRequest, other: IssueRequest): boolean {
  const same = one.tokenId === other.tokenId && one.keySha256 === other.keySha256;
  return same && other.atMs - one.atMs < REPEAT_WITHIN_MS;
}
