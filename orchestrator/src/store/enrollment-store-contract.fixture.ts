// What every enrolment store must do, whatever database is behind it.
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { asJoinTokenId } from '@muster/common/ids/ids';
import { enrolled, issueRequest, newToken } from './enrollment-samples.fixture.ts';
import type { OpenNodeStore } from './node-store-contract.fixture.ts';
import { ids } from './samples.fixture.ts';

const TEN_MINUTES_MS = 600_000;

/** Registers the tests; `make` opens an empty store. */
export function enrollmentStoreContract(make: () => Promise<OpenNodeStore>): void {
  let opened: OpenNodeStore;
  beforeEach(async () => {
    opened = await make();
  });
  afterEach(async () => {
    await opened[Symbol.asyncDispose]();
  });

  describe('a token', () => {
    tokenContract(() => opened);
  });
  describe('a repeated enrolment', () => {
    repeatContract(() => opened);
  });
  describe('a node', () => {
    newNodeContract(() => opened);
  });
}

function tokenContract(open: () => OpenNodeStore): void {
  it('is used exactly as often as it says, however many come at once', async () => {
    const { enrollment } = open();
    const token = await newToken(enrollment, { usesLeft: 3 });
    const results = await Promise.all(Array.from({ length: 10 }, () => enrollment.issue(issueRequest(token))));
    expect(results.filter((each) => each.kind === 'issued')).toHaveLength(3);
    expect(results.filter((each) => each.kind === 'refused' && each.reason === 'used_up')).toHaveLength(7);
    expect((await enrollment.listTokens(1, undefined))[0]).toMatchObject({ usesLeft: 0 });
  });

  it('without a number of uses is good for any', async () => {
    const { enrollment } = open();
    const token = await newToken(enrollment);
    for (let at = 0; at < 5; at += 1) await enrolled(enrollment, token);
    expect((await enrollment.listTokens(1, undefined))[0]).not.toHaveProperty('usesLeft');
  });

  it('is refused with a wrong secret, expired, revoked, or unknown, and is not used up by that', async () => {
    const { enrollment } = open();
    const token = await newToken(enrollment, { usesLeft: 1 });
    const reasonOf = async (facts: Parameters<typeof issueRequest>[1]): Promise<string> => {
      const result = await enrollment.issue(issueRequest(token, facts));
      return result.kind === 'refused' ? result.reason : result.kind;
    };
    expect(await reasonOf({ secretSha256: '0'.repeat(64) })).toBe('wrong_secret');
    expect(await reasonOf({ secretSha256: '' })).toBe('wrong_secret');
    expect(await reasonOf({ tokenId: asJoinTokenId(ids.next()) })).toBe('unknown');
    expect(await reasonOf({ atMs: 1_000_000 })).toBe('expired');
    expect((await enrollment.listTokens(1, undefined))[0]).toMatchObject({ usesLeft: 1 });
    expect(await enrollment.revokeToken(token.id)).toMatchObject({ revoked: true });
    expect(await enrollment.revokeToken(token.id)).toMatchObject({ revoked: true });
    expect(await reasonOf({})).toBe('revoked');
    expect(await enrollment.revokeToken(asJoinTokenId(ids.next()))).toBeUndefined();
  });

  it('is listed newest first, page by page', async () => {
    const { enrollment } = open();
    const tokens = [
      await newToken(enrollment),
      await newToken(enrollment, { labels: { a: 'b' } }),
      await newToken(enrollment),
    ];
    const [first, second, third] = [...tokens].reverse();
    expect(await enrollment.listTokens(2, undefined)).toEqual([first, second]);
    expect(await enrollment.listTokens(2, second?.id)).toEqual([third]);
  });
}

function repeatContract(open: () => OpenNodeStore): void {
  it('with the same key gives the same certificate within ten minutes, also of a token that is used up or expired', async () => {
    const { enrollment } = open();
    const token = await newToken(enrollment, { usesLeft: 1, expiresAtMs: 3_000 });
    const first = await enrolled(enrollment, token);
    const again = await enrollment.issue(
      issueRequest(token, { keySha256: first.keySha256, atMs: 2_000 + TEN_MINUTES_MS }),
    );
    expect(again).toEqual({
      kind: 'repeated',
      nodeId: first.nodeId,
      nodeName: 'node',
      certificatePem: first.certificatePem,
      expiresAtMs: first.expiresAtMs,
    });
  });

  it('is refused after ten minutes, with another key, and with a revoked token', async () => {
    const { enrollment } = open();
    const token = await newToken(enrollment, { usesLeft: 1 });
    const { keySha256 } = await enrolled(enrollment, token);
    const late = await enrollment.issue(issueRequest(token, { keySha256, atMs: 2_001 + TEN_MINUTES_MS }));
    expect(late).toEqual({ kind: 'refused', reason: 'used_up' });
    expect(await enrollment.issue(issueRequest(token))).toEqual({ kind: 'refused', reason: 'used_up' });
    await enrollment.revokeToken(token.id);
    expect(await enrollment.issue(issueRequest(token, { keySha256 }))).toEqual({ kind: 'refused', reason: 'revoked' });
  });
}

function newNodeContract(open: () => OpenNodeStore): void {
  it('gets a number behind a name that is taken', async () => {
    const { enrollment, nodes } = open();
    const token = await newToken(enrollment);
    const long = 'n'.repeat(63);
    for (const wantedName of ['web', 'web', 'web', long, long]) await enrolled(enrollment, token, { wantedName });
    const names = (await nodes.all({ ended: false })).map((node) => node.name);
    expect(names).toEqual([`${'n'.repeat(61)}-2`, long, 'web', 'web-2', 'web-3']);
  });

  it('replaces the earlier node of the same machine, whose certificate is then worth nothing, and may have its name', async () => {
    const { enrollment, nodes } = open();
    const token = await newToken(enrollment);
    const machine = { machineIdHash: 'same', wantedName: 'web' };
    const first = await enrolled(enrollment, token, machine);
    const request = issueRequest(token, machine);
    expect(await enrollment.issue(request)).toEqual({
      kind: 'issued',
      nodeId: request.nodeId,
      nodeName: 'web',
      replaced: first.nodeId,
    });
    expect(await nodes.find(first.nodeId)).toMatchObject({ end: 'replaced' });
    expect(await nodes.nodeByCertificate(first.certificateSha256, 2_000)).toBeUndefined();
    expect(await nodes.nodeByCertificate(request.certificateSha256, 2_000)).toMatchObject({ id: request.nodeId });
  });

  it('leaves a node with the same hash alone that is connected: it is another agent, or a copy', async () => {
    const { enrollment, nodes } = open();
    const token = await newToken(enrollment);
    const machine = { machineIdHash: 'same' };
    const first = await enrolled(enrollment, token, machine);
    const request = issueRequest(token, { ...machine, connected: [first.nodeId] });
    expect(await enrollment.issue(request)).not.toHaveProperty('replaced');
    expect(await nodes.nodeByCertificate(first.certificateSha256, 2_000)).toMatchObject({ id: first.nodeId });
  });

  it('replaces nobody when its machine gives no id', async () => {
    const { enrollment } = open();
    const token = await newToken(enrollment);
    await enrolled(enrollment, token, { machineIdHash: '' });
    expect(await enrollment.issue(issueRequest(token, { machineIdHash: '' }))).not.toHaveProperty('replaced');
  });

  it('keeps what it was enrolled with', async () => {
    const { enrollment, nodes } = open();
    const token = await newToken(enrollment, { labels: { room: 'token' } });
    const request = await enrolled(enrollment, token, { labels: { zone: 'a', room: 'machine' } });
    expect(await nodes.find(request.nodeId)).toEqual({
      id: request.nodeId,
      name: 'node',
      userLabels: {},
      // What the token says wins over what the machine says of itself.
      enrolledLabels: { zone: 'a', room: 'token' },
      agentLabels: {},
      machineIdHash: request.machineIdHash,
      cordoned: false,
      enrolledAtMs: 2_000,
      certificateIssuedAtMs: 2_000,
      certificateExpiresAtMs: 900_000,
    });
  });
}
