import { Code, ConnectError } from '@connectrpc/connect';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Role } from '@muster/gen/muster/control/v1/role_pb';
import { accessClient, openTestDoor, type TestDoor } from './control-door.fixture.ts';

describe('join tokens and API keys', () => {
  let door: TestDoor;
  let client: ReturnType<typeof accessClient>;
  beforeEach(async () => {
    door = await openTestDoor();
    client = accessClient(door, await door.key('admin'));
  });
  afterEach(async () => {
    await door[Symbol.asyncDispose]();
  });

  async function problemOf(call: Promise<unknown>): Promise<{ code: Code; text: string }> {
    try {
      await call;
    } catch (error) {
      const { code, rawMessage } = ConnectError.from(error);
      return { code, text: rawMessage };
    }
    throw new Error('it went well');
  }

  it('makes a token of one use and one hour unless told otherwise', async () => {
    const { joinToken } = await client.createJoinToken({});
    expect(joinToken).toMatchObject({ usesLeft: 1, revoked: false, createdBy: 'admin' });
    expect(Number(joinToken?.expiresTime?.seconds) - Number(joinToken?.createdTime?.seconds)).toBe(3600);
    const forImages = await client.createJoinToken({ unlimitedUses: true, timeToLive: { seconds: 86_400n } });
    expect(forImages.joinToken?.usesLeft).toBeUndefined();
  });

  it.each([
    ['no uses', { uses: 0 }, 'uses: must be 1 to 10000'],
    ['too many uses', { uses: 10_001 }, 'uses: must be 1 to 10000'],
    ['uses beside unlimited', { uses: 2, unlimitedUses: true }, 'uses: can not stand together'],
    ['a moment', { timeToLive: { seconds: 1n } }, 'time_to_live: must be 1 minute'],
    ['a negative time', { timeToLive: { seconds: -60n } }, 'time_to_live: must be 1 minute'],
    ['an eternity', { timeToLive: { seconds: 10n ** 10n } }, 'time_to_live: must be 1 minute'],
    ['a bad label', { labels: { a: 'b c' } }, 'labels["a"]'],
  ])('refuses a token of %s', async (_what, request, text) => {
    const problem = await problemOf(client.createJoinToken(request));
    expect(problem.code).toBe(Code.InvalidArgument);
    expect(problem.text).toContain(text);
  });

  it('lists page by page, newest first, and never a secret', async () => {
    for (let made = 0; made < 5; made += 1) await client.createJoinToken({ labels: { n: String(made) } });
    const seen: string[] = [];
    let pageToken = '';
    do {
      const page = await client.listJoinTokens({ pageSize: 2, pageToken });
      expect(JSON.stringify(page, (_key, value) => (typeof value === 'bigint' ? 0 : value))).not.toContain('muster1.');
      seen.push(...page.joinTokens.map((token) => token.labels['n'] ?? ''));
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    expect(seen).toEqual(['4', '3', '2', '1', '0']);
  });

  it('refuses page tokens that are forged, changed, or from another list', async () => {
    for (let made = 0; made < 2; made += 1) await client.createJoinToken({});
    const { nextPageToken } = await client.listJoinTokens({ pageSize: 1 });
    expect(nextPageToken).not.toBe('');
    for (const call of [
      client.listJoinTokens({ pageToken: 'forged' }),
      client.listJoinTokens({ pageToken: `${nextPageToken.slice(0, -2)}AA` }),
      client.listApiKeys({ pageToken: nextPageToken }),
    ]) {
      const problem = await problemOf(call);
      expect(problem.code).toBe(Code.InvalidArgument);
      expect(problem.text).toMatch(/^page_token: /);
    }
  });

  it('makes a key that works until it is revoked', async () => {
    const made = await client.createApiKey({ name: 'second', role: Role.ADMIN });
    const second = accessClient(door, made.key);
    expect((await second.listApiKeys({})).apiKeys.map((key) => key.name)).toEqual(['second', 'admin']);
    const id = made.apiKey?.id ?? '';
    for (let times = 0; times < 2; times += 1) {
      expect((await client.revokeApiKey({ apiKeyId: id })).apiKey?.revoked).toBe(true);
    }
    expect((await problemOf(second.listApiKeys({}))).code).toBe(Code.Unauthenticated);
  });

  it('keeps the last admin key', async () => {
    const [own] = (await client.listApiKeys({})).apiKeys;
    const problem = await problemOf(client.revokeApiKey({ apiKeyId: own?.id ?? '' }));
    expect(problem).toEqual({
      code: Code.FailedPrecondition,
      text: 'this is the last admin key; make another one before you revoke it',
    });
  });

  it.each([
    ['name: must be 1 to 63', { name: 'Has Spaces', role: Role.VIEWER }],
    ['role: must be viewer, operator or admin', { name: 'x', role: Role.ANONYMOUS }],
    ['role: must be viewer, operator or admin', { name: 'x' }],
  ])('says "%s"', async (text, request) => {
    const problem = await problemOf(client.createApiKey(request));
    expect(problem.code).toBe(Code.InvalidArgument);
    expect(problem.text).toContain(text);
  });

  it('tells ids that are none from ids of nothing', async () => {
    expect((await problemOf(client.revokeApiKey({ apiKeyId: 'x' }))).code).toBe(Code.InvalidArgument);
    const nothing = '01hzy3k4m5n6p7q8r9s0t1v2w3';
    expect((await problemOf(client.revokeApiKey({ apiKeyId: nothing }))).code).toBe(Code.NotFound);
    expect((await problemOf(client.revokeJoinToken({ joinTokenId: nothing }))).code).toBe(Code.NotFound);
  });
});
