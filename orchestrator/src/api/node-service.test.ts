import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { NodeId } from '@muster/common/ids/ids';
import { systemRandom } from '@muster/common/random/random';
import { NodeService, type WatchNodesResponse } from '@muster/gen/muster/control/v1/node_service_pb';
import { NodeState } from '@muster/gen/muster/node/v1/node_pb';
import { captureLogs } from '@muster/testing/capture-logs';
import { eventually } from '@muster/testing/eventually';
import { ManualClock } from '@muster/testing/manual-clock';
import { RecordedSession } from '../dispatch/dispatch.fixture.ts';
import { NodeDirectory } from '../sessions/node-directory.ts';
import { enrolled, newToken } from '../store/enrollment-samples.fixture.ts';
import type { Store } from '../store/open-store.ts';
import { tempStore } from '../store/temp-store.fixture.ts';
import { openTestDoor, type Protocol, type TestDoor } from './control-door.fixture.ts';
import { nodeService } from './node-service.ts';
import { pageTokens } from './page-token.ts';

const protocols: readonly Protocol[] = ['grpc', 'grpc-web', 'connect'];

let store: Store;
let clock: ManualClock;
let directory: NodeDirectory;
let reconsidered: number;
let door: TestDoor;
let client: ReturnType<typeof createClient<typeof NodeService>>;

beforeEach(async () => {
  store = await tempStore();
  clock = new ManualClock();
  const { logger } = captureLogs();
  const settings = { heartbeatPeriodMs: 10_000 };
  directory = await NodeDirectory.load({ store: store.nodes, clock, logger, settings });
  reconsidered = 0;
  const service = nodeService({
    directory,
    activeAttempts: () => 3,
    pageTokens: pageTokens(systemRandom.bytes(32)),
    clock,
    reconsider: () => {
      reconsidered += 1;
    },
  });
  door = await openTestDoor({ services: [service] });
  client = createClient(NodeService, door.transport(await door.key('operator')));
});

afterEach(async () => {
  await eventually(() => directory.changes.size === 0, { what: 'every watcher has left' });
  await door[Symbol.asyncDispose]();
  await directory.flush();
  await store[Symbol.asyncDispose]();
});

/** Enrols a node; it never connected. */
async function enroll(name: string, labels: Record<string, string> = {}): Promise<NodeId> {
  const { nodeId } = await enrolled(store.enrollment, await newToken(store.enrollment), { wantedName: name, labels });
  await directory.refresh(nodeId);
  return nodeId;
}

async function replace(nodeId: NodeId): Promise<void> {
  const record = await store.nodes.find(nodeId);
  if (record !== undefined) directory.learn({ ...record, end: 'replaced' });
}

async function problemOf(call: Promise<unknown>): Promise<{ code: Code; text: string }> {
  try {
    await call;
  } catch (error) {
    const { code, rawMessage } = ConnectError.from(error);
    return { code, text: rawMessage };
  }
  throw new Error('it went well');
}

describe('a node', () => {
  it.each(protocols)('is shown over %s by name and by id, with what is known of it now', async (protocol) => {
    const nodeId = await enroll('web-1', { zone: 'a' });
    directory.established(new RecordedSession(nodeId));
    const viewer = createClient(NodeService, door.transport(await door.key('viewer'), protocol));
    const byName = await viewer.getNode({ node: 'web-1' });
    expect(byName.node).toMatchObject({
      id: nodeId,
      name: 'web-1',
      labels: { zone: 'a' },
      state: NodeState.ONLINE,
      activeAttempts: 3,
      address: '127.0.0.1:1',
    });
    expect((await viewer.getNode({ node: nodeId })).node).toEqual(byName.node);
  });

  it.each(['getNode', 'updateNodeLabels', 'cordonNode', 'uncordonNode'] as const)(
    'that is not there is named by %s, and one that is not given is asked for',
    async (method) => {
      expect(await problemOf(client[method]({ node: 'nope' }))).toEqual({
        code: Code.NotFound,
        text: 'node: there is no node "nope"; list them with ListNodes or "muster nodes"',
      });
      expect(await problemOf(client[method]({}))).toMatchObject({
        code: Code.InvalidArgument,
        text: expect.stringContaining('node: missing'),
      });
    },
  );

  it('may be changed by operators, and not by viewers', async () => {
    await enroll('web-1');
    const viewer = createClient(NodeService, door.transport(await door.key('viewer')));
    for (const method of ['updateNodeLabels', 'cordonNode', 'uncordonNode'] as const) {
      expect((await problemOf(viewer[method]({ node: 'web-1' }))).code).toBe(Code.PermissionDenied);
    }
    expect((await viewer.listNodes({})).nodes).toHaveLength(1);
  });
});

describe('labels of a node', () => {
  it('are set and removed in one call, over what the node brought, and placement looks again', async () => {
    await enroll('web-1', { zone: 'a', rack: '1' });
    const { node } = await client.updateNodeLabels({
      node: 'web-1',
      set: { zone: 'b', tier: 'gold' },
      remove: ['rack', 'never-there'],
    });
    expect(node?.labels).toEqual({ zone: 'b', tier: 'gold' });
    expect((await client.getNode({ node: 'web-1' })).node?.labels).toEqual({ zone: 'b', tier: 'gold' });
    expect(reconsidered).toBe(1);
  });

  it('leave nothing behind once a user has removed what a user had set', async () => {
    const nodeId = await enroll('web-1');
    await client.updateNodeLabels({ node: 'web-1', set: { tier: 'gold' } });
    await client.updateNodeLabels({ node: 'web-1', remove: ['tier', 'never-there'] });
    expect(Object.keys((await store.nodes.find(nodeId))?.userLabels ?? {})).toEqual([]);
  });

  it.each([
    ['a bad key to set', { set: { 'No Key': 'x' } }, 'set: "No Key" is not a label key'],
    ['a bad value', { set: { tier: 'a b' } }, 'set["tier"]: "a b" is not a label value'],
    ['a bad key to remove', { remove: ['fine', '-'] }, 'remove[1]: "-" is not a label key'],
    ['a key in both', { set: { tier: 'x' }, remove: ['tier'] }, 'remove: "tier" is in set too'],
  ])('refuse %s and change nothing', async (_what, request, text) => {
    await enroll('web-1', { zone: 'a' });
    expect(await problemOf(client.updateNodeLabels({ node: 'web-1', ...request }))).toEqual({
      code: Code.InvalidArgument,
      text: expect.stringContaining(text),
    });
    expect((await client.getNode({ node: 'web-1' })).node?.labels).toEqual({ zone: 'a' });
  });

  it('are 64 at most, however many calls set them', async () => {
    await enroll('web-1', { zone: 'a' });
    const some = (from: number, count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, n) => [`l${from + n}`, 'x']));
    await client.updateNodeLabels({ node: 'web-1', set: some(0, 63) });
    expect(await problemOf(client.updateNodeLabels({ node: 'web-1', set: some(63, 1) }))).toEqual({
      code: Code.InvalidArgument,
      text: expect.stringContaining('set: the node would have 65 labels; 64 are the most'),
    });
    const { node } = await client.updateNodeLabels({ node: 'web-1', set: some(63, 1), remove: ['l0'] });
    expect(Object.keys(node?.labels ?? {})).toHaveLength(64);
  });
});

describe('a cordon', () => {
  it('is set and lifted, however often, and lifting it ends a quarantine too', async () => {
    const nodeId = await enroll('web-1');
    expect((await client.cordonNode({ node: 'web-1' })).node?.cordoned).toBe(true);
    expect((await client.cordonNode({ node: nodeId })).node?.cordoned).toBe(true);
    directory.quarantine(nodeId, 'two of them');
    await directory.flush();
    expect((await client.getNode({ node: 'web-1' })).node).toMatchObject({
      cordoned: true,
      quarantined: true,
      quarantineReason: 'two of them',
    });
    for (let times = 0; times < 2; times += 1) {
      const { node } = await client.uncordonNode({ node: 'web-1' });
      expect(node).toMatchObject({ cordoned: false, quarantined: false, quarantineReason: '' });
    }
    expect(reconsidered).toBe(4);
  });
});

describe('listing nodes', () => {
  const namesOf = (page: Awaited<ReturnType<typeof client.listNodes>>) => page.nodes.map((node) => node.name);

  it('goes page by page, by name, and on with the labels asked for in any order', async () => {
    for (const name of ['c', 'a', 'b']) await enroll(name, { app: 'web', tier: 'front' });
    await enroll('d');
    const first = await client.listNodes({ pageSize: 2, selector: { matchLabels: { app: 'web', tier: 'front' } } });
    const second = await client.listNodes({
      pageSize: 2,
      pageToken: first.nextPageToken,
      selector: { matchLabels: { tier: 'front', app: 'web' } },
    });
    expect([namesOf(first), namesOf(second)]).toEqual([['a', 'b'], ['c']]);
    expect(second.nextPageToken).toBe('');
    expect(namesOf(await client.listNodes({ pageSize: 5_000 }))).toEqual(['a', 'b', 'c', 'd']);
    expect(namesOf(await client.listNodes({}))).toHaveLength(4);
  });

  it('refuses a page token that is forged, of other conditions, or of another list', async () => {
    for (const name of ['a', 'b']) await enroll(name);
    const { nextPageToken } = await client.listNodes({ pageSize: 1 });
    const wrong = [
      { pageToken: 'forged' },
      { pageToken: nextPageToken, states: [NodeState.DOWN] },
      { pageToken: nextPageToken, selector: { matchLabels: { app: 'web' } } },
    ];
    for (const request of wrong) {
      expect(await problemOf(client.listNodes(request))).toEqual({
        code: Code.InvalidArgument,
        text: expect.stringContaining('page_token: '),
      });
    }
  });

  it('gives only nodes in the states that are asked for, those that are gone only then', async () => {
    await enroll('never');
    const here = new RecordedSession(await enroll('here'));
    directory.established(here);
    const silent = await enroll('silent');
    directory.established(new RecordedSession(silent));
    const gone = await enroll('gone');
    await replace(gone);
    await clock.advance(31_000);
    directory.heard(here);
    directory.judge(clock.monotonicMs());
    const listed = async (...states: NodeState[]) => namesOf(await client.listNodes({ states }));
    expect(await listed()).toEqual(['here', 'never', 'silent']);
    expect(await listed(NodeState.ONLINE)).toEqual(['here']);
    expect(await listed(NodeState.UNREACHABLE)).toEqual(['never', 'silent']);
    expect(await listed(NodeState.DOWN)).toEqual([]);
    expect(await listed(NodeState.REPLACED)).toEqual(['gone']);
    expect(await listed(NodeState.ONLINE, NodeState.REMOVED)).toEqual(['here']);
    expect(await problemOf(client.listNodes({ states: [NodeState.UNSPECIFIED] }))).toEqual({
      code: Code.InvalidArgument,
      text: expect.stringContaining('states: must be set'),
    });
  });
});

describe('watching nodes', () => {
  /** Reads a watch step by step; the hook ends it. */
  async function watched(
    request: Parameters<typeof client.watchNodes>[0],
    steps: readonly (() => unknown)[],
    protocol: Protocol = 'grpc',
  ): Promise<WatchNodesResponse[]> {
    const viewer = createClient(NodeService, door.transport(await door.key('viewer'), protocol));
    const hangUp = new AbortController();
    const seen: WatchNodesResponse[] = [];
    for await (const change of viewer.watchNodes(request, { signal: hangUp.signal })) {
      seen.push(change);
      const step = steps[seen.length - 1];
      if (step === undefined) break;
      await step();
    }
    hangUp.abort();
    return seen;
  }
  const nothing = () => undefined;

  it.each(protocols)('shows over %s the nodes as they are, then a change, and a new node', async (protocol) => {
    const first = await enroll('a');
    await enroll('b');
    const steps = [nothing, () => directory.cordon(first), () => enroll('new')];
    const seen = await watched({}, steps, protocol);
    expect(seen.map(({ node }) => `${node?.name} ${node?.cordoned}`)).toEqual([
      'a false',
      'b false',
      'a true',
      'new false',
    ]);
    expect(seen.every(({ node }) => node?.fingerprint === undefined)).toBe(true);
  });

  it('shows only nodes whose labels match, and one that stops matching a last time', async () => {
    const web = await enroll('web', { app: 'web' });
    const db = await enroll('db', { app: 'db' });
    const steps = [
      async () => {
        await directory.cordon(db);
        await directory.updateUserLabels(web, { app: 'other' }, []);
      },
      async () => {
        await directory.cordon(web);
        await directory.updateUserLabels(db, { app: 'web' }, []);
      },
    ];
    const seen = await watched({ selector: { matchLabels: { app: 'web' } } }, steps);
    expect(seen.map(({ node }) => `${node?.name} ${node?.labels['app']}`)).toEqual(['web web', 'web other', 'db web']);
  });

  it('shows that a node is gone for good', async () => {
    const nodeId = await enroll('a');
    const seen = await watched({}, [() => replace(nodeId)]);
    expect(seen.map(({ node }) => node?.state)).toEqual([NodeState.UNREACHABLE, NodeState.REPLACED]);
  });

  it('lets go of a reader that hangs up while it reads the first nodes', async () => {
    for (let made = 0; made < 5; made += 1) await enroll(`n${made}`);
    await watched({}, []);
    await eventually(() => directory.changes.size === 0);
  });

  it('refuses a bad selector', async () => {
    const problem = await problemOf(watched({ selector: { matchLabels: { 'No Key': 'x' } } }, []));
    expect(problem).toMatchObject({
      code: Code.InvalidArgument,
      text: expect.stringContaining('selector.match_labels'),
    });
  });
});
