import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from '@jest/globals';
import { asAttemptId, asNodeId } from '@muster/common/ids/ids';
import { GoodbyeReason } from '@muster/gen/muster/agent/v1/session_pb';
import { FingerprintSchema } from '@muster/gen/muster/node/v1/fingerprint_pb';
import { captureLogs } from '@muster/testing/capture-logs';
import { eventually } from '@muster/testing/eventually';
import { ManualClock } from '@muster/testing/manual-clock';
import { helloMessage, RawAgent } from '@muster/testing/raw-agent';
import { runLivenessLoop } from './liveness-loop.ts';
import { NodeDirectory } from './node-directory.ts';
import { SessionRegistry } from './session-registry.ts';
import { MemoryNodeStore, newRecord, sessionWorld, testIds } from './session-world.fixture.ts';

const settings = { heartbeatPeriodMs: 10_000 };

async function directoryOf(names: readonly string[], lastContactAtMs?: number) {
  const store = new MemoryNodeStore();
  const clock = new ManualClock();
  const { logger } = captureLogs();
  for (const name of names) {
    const id = asNodeId(testIds.next());
    const contact = lastContactAtMs === undefined ? {} : { lastContactAtMs };
    store.records.set(id, { ...newRecord(id, name), ...contact });
  }
  const directory = await NodeDirectory.load({ store, clock, logger, settings });
  return { store, clock, directory };
}

function idOf(directory: NodeDirectory, name: string) {
  const view = directory.view(name);
  if (view === undefined) throw new Error(`no ${name}`);
  return view.record.id;
}

describe('the directory of nodes', () => {
  it('finds a node by name and by id', async () => {
    const { directory } = await directoryOf(['web-1', 'web-2']);
    const id = idOf(directory, 'web-2');
    expect(directory.view(id)?.record.name).toBe('web-2');
    expect(directory.view('web-3')).toBeUndefined();
  });

  it('gives placement labels, drivers, and interpreters by name and by path', async () => {
    const { directory } = await directoryOf(['web-1']);
    const id = idOf(directory, 'web-1');
    const fingerprint = create(FingerprintSchema, {
      drivers: ['script'],
      interpreters: [{ name: 'bash', path: '/bin/bash' }],
    });
    const record = directory.view(id)?.record;
    if (record !== undefined) directory.learn({ ...record, fingerprint, userLabels: { tier: 'front' } });
    const facts = directory.get(id);
    expect(facts?.labels).toEqual({ tier: 'front' });
    expect([...(facts?.interpreters ?? [])]).toEqual(['bash', '/bin/bash']);
    expect(facts?.drivers.has('script')).toBe(true);
  });

  it('hides nodes that are gone for good from placement, and gives their name to the next', async () => {
    const { directory } = await directoryOf(['web-1']);
    const id = idOf(directory, 'web-1');
    const record = directory.view(id)?.record;
    if (record !== undefined) directory.learn({ ...record, end: 'replaced' });
    expect(directory.get(id)).toBeUndefined();
    expect([...directory.all()]).toEqual([]);
    expect(directory.view('web-1')).toBeUndefined();
    const next = asNodeId(testIds.next());
    directory.learn(newRecord(next, 'web-1'));
    expect(idOf(directory, 'web-1')).toBe(next);
  });

  it('cordons, and lifts a quarantine together with the cordon', async () => {
    const { directory, store } = await directoryOf(['web-1']);
    const id = idOf(directory, 'web-1');
    await directory.cordon(id);
    await store.setQuarantine(id, 'two of them');
    await directory.refresh(id);
    expect(directory.get(id)).toMatchObject({ cordoned: true, quarantined: true });
    await directory.uncordon(id);
    expect(directory.get(id)).toMatchObject({ cordoned: false, quarantined: false });
  });

  it('tells a watcher each node that changed once, however often it changed meanwhile', async () => {
    const { directory } = await directoryOf(['web-1', 'web-2']);
    const [first, second] = [idOf(directory, 'web-1'), idOf(directory, 'web-2')];
    const stop = new AbortController();
    const changes = directory.changes.watch(stop.signal);
    for (let turn = 0; turn < 5; turn += 1) directory.setForeign(first, []);
    directory.setForeign(second, []);
    expect((await changes.next()).value).toEqual([first, second]);
    const pending = changes.next();
    stop.abort(new Error('enough'));
    await expect(pending).rejects.toThrow('enough');
  });

  it('P10: makes a silent node unreachable after three periods, and down after ten minutes', async () => {
    const { directory, clock } = await directoryOf(['web-1'], 1);
    const stop = new AbortController();
    const registry = new SessionRegistry(clock);
    const loop = runLivenessLoop({ directory, registry, clock, ...settings }, stop.signal);
    const contact = () => directory.view('web-1')?.contact;
    await clock.advance(59_000);
    expect(contact()).toBe('online');
    await clock.advance(2_000);
    expect(contact()).toBe('unreachable');
    expect(directory.outOfContact(idOf(directory, 'web-1'))).toBe(true);
    await clock.advance(600_000);
    expect(contact()).toBe('down');
    stop.abort(new Error('enough'));
    await expect(loop).rejects.toThrow('enough');
  });
});

describe('nodes and their sessions', () => {
  it('P10: any frame makes a node online again; its session, use and address are shown while it has one', async () => {
    await using world = await sessionWorld();
    const node = await world.enroll('web-1');
    const agent = await RawAgent.welcomed(node);
    const view = () => world.directory.view('web-1');
    await eventually(() => view()?.contact === 'online');
    await agent.send({ case: 'heartbeat', value: { usage: { cpuPermille: 17 } } });
    await agent.next('heartbeatAck');
    expect(view()?.usage?.cpuPermille).toBe(17);
    expect(view()?.session?.address).toMatch(/^127\.0\.0\.1:\d+$/);
    world.directory.judge(performance.now() + 30_001);
    expect(view()?.contact).toBe('unreachable');
    await agent.send({ case: 'heartbeat', value: {} });
    await agent.next('heartbeatAck', 2);
    expect(view()?.contact).toBe('online');
    await agent[Symbol.asyncDispose]();
    await eventually(() => view()?.session === undefined);
    await world.directory.flush();
    expect(world.store.contacts.at(-1)?.nodeId).toBe(node.nodeId);
  });

  it('P10: an agent that says that it ends makes its node unreachable at once', async () => {
    await using world = await sessionWorld();
    const node = await world.enroll('web-1');
    const view = () => world.directory.view('web-1');
    await using agent = await RawAgent.welcomed(node);
    await eventually(() => view()?.contact === 'online');
    await agent.send({ case: 'goodbye', value: { reason: GoodbyeReason.SHUTDOWN } });
    await eventually(() => view()?.contact === 'unreachable');
    await using again = await RawAgent.welcomed(node);
    await eventually(() => view()?.contact === 'online');
    await again.send({ case: 'goodbye', value: { reason: GoodbyeReason.REVISION_GAP } });
    await eventually(() => view()?.session === undefined);
    expect(view()?.contact).toBe('online');
  });

  it('a node that is removed while it is connected is told goodbye', async () => {
    await using world = await sessionWorld();
    await using agent = await RawAgent.welcomed(await world.enroll('web-1'));
    const record = world.directory.view('web-1')?.record;
    if (record !== undefined) world.directory.learn({ ...record, end: 'removed' });
    await agent.next('goodbye');
    expect(await agent.over).toBeUndefined();
  });

  it('a node that is replaced while it says hello gets no session', async () => {
    await using world = await sessionWorld();
    const node = await world.enroll('web-1');
    const recordHello = world.store.recordHello.bind(world.store);
    world.store.recordHello = (facts) => {
      const record = world.store.records.get(node.nodeId);
      if (record !== undefined) world.store.records.set(node.nodeId, { ...record, end: 'replaced' });
      return recordHello(facts);
    };
    await using agent = RawAgent.connect(node);
    await agent.send(helloMessage());
    expect((await agent.over)?.code).toBe('unauthenticated');
    expect(world.registry.size).toBe(0);
  });

  it('a node that is replaced after its hello and before its welcome is told goodbye', async () => {
    await using world = await sessionWorld();
    const node = await world.enroll('web-1');
    world.ports.whileOpening = async () => {
      const record = world.directory.view('web-1')?.record;
      if (record !== undefined) world.directory.learn({ ...record, end: 'replaced' });
    };
    await using agent = RawAgent.connect(node);
    await agent.send(helloMessage());
    await agent.next('goodbye');
    expect(await agent.over).toBeUndefined();
  });

  it('a door that closes says goodbye with a time to come back, and leaves no session', async () => {
    const world = await sessionWorld();
    await using agent = await RawAgent.welcomed(await world.enroll('web-1'));
    await world[Symbol.asyncDispose]();
    const seconds = Number(agent.all('goodbye')[0]?.retryAfter?.seconds);
    expect(seconds).toBeGreaterThanOrEqual(1);
    expect(seconds).toBeLessThanOrEqual(5);
    expect(world.registry.size).toBe(0);
  });

  it('a node that reads nothing is cut off, and others do not notice', async () => {
    await using world = await sessionWorld();
    await using deaf = await RawAgent.welcomed(await world.enroll('deaf'));
    await using other = await RawAgent.welcomed(await world.enroll('other'));
    deaf.pause();
    const session = world.ports.sessions[0];
    if (session === undefined) throw new Error('no session');
    for (let count = 0; count < 20_000; count += 1) {
      session.ackLog({ attemptId: asAttemptId(testIds.next()), run: 1, stream: 'stdout', nextOffsetBytes: 1 });
    }
    await eventually(() => session.ended);
    await other.send({ case: 'heartbeat', value: {} });
    await other.next('heartbeatAck');
    deaf.resume();
    expect((await deaf.over)?.code).toBe('resource_exhausted');
  });
});
