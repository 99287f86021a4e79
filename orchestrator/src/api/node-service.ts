// Nodes on the control door. What is shown comes from the directory in memory; what is changed goes to the store first.
import { create } from '@bufbuild/protobuf';
import type { Clock } from '@muster/common/clock/clock';
import { AppError } from '@muster/common/errors/app-error';
import type { NodeId } from '@muster/common/ids/ids';
import {
  CordonNodeResponseSchema,
  GetNodeResponseSchema,
  ListNodesResponseSchema,
  NodeService,
  UncordonNodeResponseSchema,
  UpdateNodeLabelsResponseSchema,
  WatchNodesResponseSchema,
} from '@muster/gen/muster/control/v1/node_service_pb';
import type { LabelSelector } from '@muster/gen/muster/job/v1/job_spec_pb';
import type { Node } from '@muster/gen/muster/node/v1/node_pb';
import { effectiveLabels, type NodeRecord } from '../domain/node.ts';
import { type Problem, throwProblems } from '../domain/problem.ts';
import { keyProblems, labelProblems, matchesLabels, selectorProblems } from '../domain/selector.ts';
import type { NodeStore } from '../sessions/node-store.ts';
import { type NodeLive, nodeStateOf, nodeStates, nodeToProto } from '../wire/node.ts';
import { type PageTokens, pageSizeOf } from './page-token.ts';
import { type ServedService, serve } from './served-service.ts';

/** A node's record and what is known of it right now. */
export interface NodeEntry {
  readonly record: NodeRecord;
  readonly live: NodeLive;
}

/** The nodes in memory, as this service needs them. */
export interface NodeViews {
  /** By id or name. */
  find(idOrName: string): NodeEntry | undefined;
  all(): readonly NodeEntry[];
  /** Ids of nodes that changed since the last step; ends by the signal only. */
  changes(signal: AbortSignal): AsyncIterable<ReadonlySet<NodeId>>;
  /** Takes in a record that the store has just changed. */
  replace(record: NodeRecord): void;
}

/** What the service needs. */
export interface NodeServiceDeps {
  readonly nodes: NodeViews;
  readonly store: Pick<NodeStore, 'updateUserLabels' | 'setCordoned' | 'setQuarantine' | 'all'>;
  readonly pageTokens: PageTokens;
  readonly clock: Clock;
  /** A node may fit now what it did not before. */
  readonly reconsider: () => void;
}

/** The service. */
export function nodeService(deps: NodeServiceDeps): ServedService {
  const shown = (entry: NodeEntry, withFingerprint = true): Node =>
    nodeToProto(entry.record, entry.live, { nowMs: deps.clock.nowMs(), withFingerprint });
  return serve(NodeService, {
    getNode: (request) => create(GetNodeResponseSchema, { node: shown(mustFind(deps, request.node)) }),
    listNodes: async (request) => {
      const conditions = ['ListNodes', ...request.states.map(String), JSON.stringify(wanted(request.selector))];
      const after = deps.pageTokens.open(request.pageToken, conditions);
      const { page, next } = pageOf(
        await listed(deps, request.states),
        wanted(request.selector),
        request.pageSize,
        after,
      );
      const nextPageToken = next === undefined ? '' : deps.pageTokens.seal(next, conditions);
      return create(ListNodesResponseSchema, { nodes: page.map((entry) => shown(entry)), nextPageToken });
    },
    watchNodes: async function* (request, context) {
      const selector = wanted(request.selector);
      const matches = (entry: NodeEntry) => matchesLabels(selector, effectiveLabels(entry.record));
      // The watch begins before the first look, so no change falls in between.
      const changes = deps.nodes.changes(context.signal)[Symbol.asyncIterator]();
      let next = changes.next();
      const first = deps.nodes.all().filter(matches);
      for (const entry of first) yield create(WatchNodesResponseSchema, { node: shown(entry, false) });
      for (;;) {
        const result = await next;
        if (result.done === true) return;
        next = changes.next();
        for (const id of result.value) {
          const entry = deps.nodes.find(id);
          if (entry !== undefined && matches(entry))
            yield create(WatchNodesResponseSchema, { node: shown(entry, false) });
        }
      }
    },
    updateNodeLabels: async (request) => {
      const { record } = mustFind(deps, request.node);
      throwProblems('invalid_argument', labelChangeProblems(request.set, request.remove));
      const changed = await deps.store.updateUserLabels(record.id, request.set, request.remove);
      return create(UpdateNodeLabelsResponseSchema, { node: shown(taken(deps, record, changed)) });
    },
    cordonNode: async (request) => {
      const { record } = mustFind(deps, request.node);
      const changed = await deps.store.setCordoned(record.id, true);
      return create(CordonNodeResponseSchema, { node: shown(taken(deps, record, changed)) });
    },
    uncordonNode: async (request) => {
      const { record } = mustFind(deps, request.node);
      await deps.store.setQuarantine(record.id, undefined);
      const changed = await deps.store.setCordoned(record.id, false);
      return create(UncordonNodeResponseSchema, { node: shown(taken(deps, record, changed)) });
    },
  });
}

function mustFind(deps: NodeServiceDeps, idOrName: string): NodeEntry {
  if (idOrName === '')
    throw new AppError('invalid_argument', 'missing; give the id or name of a node', { field: 'node' });
  const entry = deps.nodes.find(idOrName);
  if (entry !== undefined) return entry;
  throw new AppError(
    'not_found',
    `there is no node ${JSON.stringify(idOrName.slice(0, 64))}; list them with ListNodes or "muster nodes"`,
    {
      field: 'node',
    },
  );
}

/** Lets the directory follow the store. */
function taken(deps: NodeServiceDeps, before: NodeRecord, changed: NodeRecord | undefined): NodeEntry {
  if (changed === undefined) throw new AppError('not_found', `node ${before.name} was removed`, { field: 'node' });
  deps.nodes.replace(changed);
  deps.reconsider();
  return mustFind(deps, changed.id);
}

function wanted(selector: LabelSelector | undefined): Readonly<Record<string, string>> {
  if (selector === undefined) return {};
  throwProblems('invalid_argument', selectorProblems(selector, 'selector'));
  return selector.matchLabels;
}

/** Nodes that are removed or replaced are only listed when somebody asks for them by state; they are not in the directory. */
async function listed(deps: NodeServiceDeps, states: readonly number[]): Promise<readonly NodeEntry[]> {
  const alive = deps.nodes.all();
  if (states.length === 0) return alive;
  const names = new Set(states.map((state) => nodeStates.fromProto(state, 'states')));
  const matching = alive.filter((entry) => names.has(nodeStateOf(entry.record, entry.live.contact)));
  if (!names.has('removed') && !names.has('replaced')) return matching;
  const gone = (await deps.store.all({ ended: true })).filter(({ end }) => end !== undefined && names.has(end));
  return [...matching, ...gone.map((record) => ({ record, live: goneLive }))];
}

const goneLive: NodeLive = { contact: 'down', foreignAttemptIds: [], activeAttempts: 0 };

function pageOf(
  entries: readonly NodeEntry[],
  selector: Readonly<Record<string, string>>,
  pageSize: number,
  after: string | undefined,
): { page: readonly NodeEntry[]; next: string | undefined } {
  const key = (entry: NodeEntry) => `${entry.record.name}\n${entry.record.id}`;
  const sorted = entries
    .filter((entry) => matchesLabels(selector, effectiveLabels(entry.record)))
    .filter((entry) => after === undefined || key(entry) > after)
    .sort((a, b) => (key(a) < key(b) ? -1 : 1));
  const page = sorted.slice(0, pageSizeOf(pageSize));
  const last = page.at(-1);
  return { page, next: last !== undefined && sorted.length > page.length ? key(last) : undefined };
}

function labelChangeProblems(set: Readonly<Record<string, string>>, remove: readonly string[]): readonly Problem[] {
  const both = remove.filter((key) => Object.hasOwn(set, key));
  return [
    ...labelProblems(set, 'set'),
    ...remove.flatMap((key, index) => keyProblems(key, `remove[${index}]`)),
    ...both.map((key) => ({ field: 'remove', message: `${JSON.stringify(key)} is in set too; do one of the two` })),
  ];
}
