// What every node store must do, whatever database is behind it.

import { create } from '@bufbuild/protobuf';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { asLedgerId, asNodeId } from '@muster/common/ids/ids';
import { FingerprintSchema } from '@muster/gen/muster/node/v1/fingerprint_pb';
import { effectiveLabels } from '../domain/node.ts';
import type { EnrollmentStore } from '../pki/enrollment-store.ts';
import type { HelloFacts, NodeStore } from '../sessions/node-store.ts';
import { enrolled, newToken } from './enrollment-samples.fixture.ts';
import { ids } from './samples.fixture.ts';

/** A store that is closed by disposing. Nodes come into it by enrolment. */
export type OpenNodeStore = AsyncDisposable & { readonly nodes: NodeStore; readonly enrollment: EnrollmentStore };

const fingerprint = create(FingerprintSchema, { drivers: ['script'] });

/** Registers the tests; `make` opens an empty store. */
export function nodeStoreContract(make: () => Promise<OpenNodeStore>): void {
  let opened: OpenNodeStore;
  beforeEach(async () => {
    opened = await make();
  });
  afterEach(async () => {
    await opened[Symbol.asyncDispose]();
  });

  findingContract(() => opened);
  helloContract(() => opened);

  it('lets users set and remove labels, over what the node brought', async () => {
    const token = await newToken(opened.enrollment);
    const { nodeId } = await enrolled(opened.enrollment, token, { labels: { zone: 'a', rack: '1' } });
    await opened.nodes.updateUserLabels(nodeId, { zone: 'b', tier: 'gold' }, ['rack']);
    const changed = await opened.nodes.find(nodeId);
    expect(changed === undefined ? undefined : effectiveLabels(changed)).toEqual({ zone: 'b', tier: 'gold' });
    const again = await opened.nodes.updateUserLabels(nodeId, { rack: '2' }, ['tier']);
    expect(again === undefined ? undefined : effectiveLabels(again)).toEqual({ zone: 'b', rack: '2' });
    expect(await opened.nodes.updateUserLabels(asNodeId(ids.next()), {}, [])).toBeUndefined();
  });

  it('keeps cordon and quarantine', async () => {
    const { nodeId } = await enrolled(opened.enrollment, await newToken(opened.enrollment));
    expect(await opened.nodes.setCordoned(nodeId, true)).toMatchObject({ cordoned: true });
    expect(await opened.nodes.setQuarantine(nodeId, 'two addresses')).toMatchObject({
      cordoned: true,
      quarantineReason: 'two addresses',
    });
    expect(await opened.nodes.setQuarantine(nodeId, undefined)).not.toHaveProperty('quarantineReason');
    expect(await opened.nodes.setCordoned(nodeId, false)).toMatchObject({ cordoned: false });
    expect(await opened.nodes.setCordoned(asNodeId(ids.next()), true)).toBeUndefined();
  });
}

function findingContract(open: () => OpenNodeStore): void {
  it('finds a node by its certificate until that expires', async () => {
    const { nodes, enrollment } = open();
    const request = await enrolled(enrollment, await newToken(enrollment), { expiresAtMs: 5_000 });
    expect(await nodes.nodeByCertificate(request.certificateSha256, 4_999)).toMatchObject({ id: request.nodeId });
    expect(await nodes.nodeByCertificate(request.certificateSha256, 5_000)).toBeUndefined();
    expect(await nodes.nodeByCertificate('0'.repeat(64), 0)).toBeUndefined();
  });

  it('finds a node by id and by name, and lists those that are not gone by name', async () => {
    const { nodes, enrollment } = open();
    const token = await newToken(enrollment);
    const b = await enrolled(enrollment, token, { wantedName: 'b', machineIdHash: 'm1' });
    await enrolled(enrollment, token, { wantedName: 'a' });
    const bToo = await enrolled(enrollment, token, { wantedName: 'b', machineIdHash: 'm1' });
    expect(await nodes.find(b.nodeId)).toMatchObject({ end: 'replaced' });
    expect(await nodes.find('b')).toMatchObject({ id: bToo.nodeId });
    expect(await nodes.find('c')).toBeUndefined();
    expect((await nodes.all({ ended: false })).map((node) => node.name)).toEqual(['a', 'b']);
    expect(await nodes.all({ ended: true })).toHaveLength(3);
  });
}

function helloContract(open: () => OpenNodeStore): void {
  const factsOf = (nodeId: HelloFacts['nodeId'], facts: Partial<HelloFacts> = {}): HelloFacts => ({
    nodeId,
    ledgerId: asLedgerId('0'.repeat(26)),
    bootId: 'boot-1',
    agentVersion: '0.1.0',
    agentLabels: { zone: 'a' },
    fingerprint,
    atMs: 10_000,
    ...facts,
  });

  it('keeps what a hello says, and tells what the one before said', async () => {
    const { nodes, enrollment } = open();
    const { nodeId } = await enrolled(enrollment, await newToken(enrollment));
    expect(await nodes.find(nodeId)).not.toHaveProperty('fingerprint');
    const first = await nodes.recordHello(factsOf(nodeId));
    expect(first.previous).toEqual({});
    expect(first.node).toMatchObject({
      bootId: 'boot-1',
      agentLabels: { zone: 'a' },
      fingerprint,
      lastContactAtMs: 10_000,
    });
    expect(await nodes.find(nodeId)).toEqual(first.node);
    const other = create(FingerprintSchema, { drivers: ['process'] });
    const second = await nodes.recordHello(
      factsOf(nodeId, { bootId: 'boot-2', agentLabels: {}, fingerprint: other, atMs: 11_000 }),
    );
    expect(second.previous).toEqual({ ledgerId: '0'.repeat(26), bootId: 'boot-1' });
    expect(await nodes.find(nodeId)).toEqual(second.node);
  });

  it('writes nothing for a hello that says nothing new, but a contact time that is old', async () => {
    const { nodes, enrollment } = open();
    const { nodeId } = await enrolled(enrollment, await newToken(enrollment));
    await nodes.recordHello(factsOf(nodeId));
    expect((await nodes.recordHello(factsOf(nodeId, { atMs: 20_000 }))).node.lastContactAtMs).toBe(10_000);
    expect((await nodes.recordHello(factsOf(nodeId, { atMs: 90_000 }))).node.lastContactAtMs).toBe(90_000);
  });

  it('keeps fingerprints and contact times', async () => {
    const { nodes, enrollment } = open();
    const { nodeId } = await enrolled(enrollment, await newToken(enrollment));
    expect(await nodes.recordFingerprint(nodeId, fingerprint)).toMatchObject({ fingerprint });
    expect(await nodes.recordFingerprint(asNodeId(ids.next()), fingerprint)).toBeUndefined();
    await nodes.recordContacts([
      { nodeId, atMs: 77 },
      { nodeId: asNodeId(ids.next()), atMs: 78 },
    ]);
    expect(await nodes.find(nodeId)).toMatchObject({ fingerprint, lastContactAtMs: 77 });
  });
}
