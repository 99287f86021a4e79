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
import { keyProblems, labelProblems, MAX_LABELS, matchesLabels, selectorProblems } from '../domain/selector.ts';
import type { NodeDirectory, NodeView } from '../sessions/node-directory.ts';
import { type NodeLive, nodeStateOf, nodeStates, nodeToProto } from '../wire/node.ts';
import { listConditions, type PageTokens, pageSizeOf } from './page-token.ts';
import { type ServedService, serve } from './served-service.ts';

/** What the service needs. */
export interface NodeServiceDeps {
  readonly directory: NodeDirectory;
  /** Attempts of a node that have not ended. */
  readonly activeAttempts: (nodeId: NodeId) => number;
  readonly pageTokens: PageTokens;
  readonly clock: Clock;
  /** A node may fit now what it did not before. */
  readonly reconsider: () => void;
}

/** The service. */
export function nodeService(deps: NodeServiceDeps): ServedService {
  const shown = (view: NodeView, withFingerprint = true): Node =>
    nodeToProto(view.record, liveOf(deps, view), { nowMs: deps.clock.nowMs(), withFingerprint });
  return serve(NodeService, {
    getNode: (request) => create(GetNodeResponseSchema, { node: shown(mustFind(deps, request.node)) }),
    listNodes: (request) => {
      const conditions = listConditions('ListNodes', request.states.map(String), wanted(request.selector));
      const after = deps.pageTokens.open(request.pageToken, conditions);
      const { page, next } = pageOf(listed(deps, request.states), wanted(request.selector), request.pageSize, after);
      const nextPageToken = next === undefined ? '' : deps.pageTokens.seal(next, conditions);
      return create(ListNodesResponseSchema, { nodes: page.map((view) => shown(view)), nextPageToken });
    },
    watchNodes: async function* (request, context) {
      for await (const view of watchedViews(deps.directory, wanted(request.selector), context.signal)) {
        yield create(WatchNodesResponseSchema, { node: shown(view, false) });
      }
    },
    updateNodeLabels: async (request) => {
      const { record } = mustFind(deps, request.node);
      throwProblems('invalid_argument', labelChangeProblems(record, request.set, request.remove));
      const view = await deps.directory.updateUserLabels(record.id, request.set, request.remove);
      return create(UpdateNodeLabelsResponseSchema, { node: shown(changed(deps, record, view)) });
    },
    cordonNode: async (request) => {
      const { record } = mustFind(deps, request.node);
      const view = await deps.directory.cordon(record.id);
      return create(CordonNodeResponseSchema, { node: shown(changed(deps, record, view)) });
    },
    uncordonNode: async (request) => {
      const { record } = mustFind(deps, request.node);
      const view = await deps.directory.uncordon(record.id);
      return create(UncordonNodeResponseSchema, { node: shown(changed(deps, record, view)) });
    },
  });
}

/** The nodes that match as they are, then each change; one that was shown and matches no longer, or is gone for good, a last time. */
async function* watchedViews(
  directory: NodeDirectory,
  selector: Readonly<Record<string, string>>,
  signal: AbortSignal,
): AsyncGenerator<NodeView, void, void> {
  const matches = (view: NodeView) => isListed(view) && matchesLabels(selector, effectiveLabels(view.record));
  const known = new Set<NodeId>();
  // The watch begins before the first look, so no change falls in between.
  const changes = directory.changes.watch(signal);
  for (const view of [...directory.views()].filter(matches)) {
    known.add(view.record.id);
    yield view;
  }
  for await (const ids of changes) {
    for (const id of ids) {
      const view = directory.view(id);
      if (view === undefined) continue;
      const wasKnown = known.delete(id);
      if (matches(view)) known.add(id);
      if (wasKnown || known.has(id)) yield view;
    }
  }
}

function liveOf(deps: NodeServiceDeps, view: NodeView): NodeLive {
  return {
    contact: view.contact,
    ...(view.usage === undefined ? {} : { usage: view.usage }),
    ...(view.session === undefined ? {} : { address: view.session.address }),
    foreignAttemptIds: view.foreign,
    activeAttempts: deps.activeAttempts(view.record.id),
    ...(view.lastContactAtMs === undefined ? {} : { lastContactAtMs: view.lastContactAtMs }),
  };
}

function mustFind(deps: NodeServiceDeps, idOrName: string): NodeView {
  if (idOrName === '') {
    throw new AppError('invalid_argument', 'missing; give the id or name of a node', { field: 'node' });
  }
  const view = deps.directory.view(idOrName);
  if (view !== undefined) return view;
  const shownName = JSON.stringify(idOrName.slice(0, 64));
  throw new AppError('not_found', `there is no node ${shownName}; list them with ListNodes or "muster nodes"`, {
    field: 'node',
  });
}

/** A node that has changed may get work that it did not get before. */
function changed(deps: NodeServiceDeps, before: NodeRecord, view: NodeView | undefined): NodeView {
  if (view === undefined) throw new AppError('not_found', `node ${before.name} was removed`, { field: 'node' });
  deps.reconsider();
  return view;
}

/** Removed and replaced nodes are only listed where somebody asks for them by state. */
function isListed(view: NodeView): boolean {
  return view.record.end === undefined;
}

function wanted(selector: LabelSelector | undefined): Readonly<Record<string, string>> {
  if (selector === undefined) return {};
  throwProblems('invalid_argument', selectorProblems(selector, 'selector'));
  return selector.matchLabels;
}

function listed(deps: NodeServiceDeps, states: readonly number[]): readonly NodeView[] {
  const views = [...deps.directory.views()];
  if (states.length === 0) return views.filter(isListed);
  const names = new Set(states.map((state) => nodeStates.fromProto(state, 'states')));
  return views.filter((view) => names.has(nodeStateOf(view.record, view.contact)));
}

function pageOf(
  entries: readonly NodeView[],
  selector: Readonly<Record<string, string>>,
  pageSize: number,
  after: string | undefined,
): { page: readonly NodeView[]; next: string | undefined } {
  const key = (view: NodeView) => `${view.record.name}\n${view.record.id}`;
  const sorted = entries
    .filter((entry) => matchesLabels(selector, effectiveLabels(entry.record)))
    .filter((entry) => after === undefined || key(entry) > after)
    .sort((a, b) => (key(a) < key(b) ? -1 : 1));
  const page = sorted.slice(0, pageSizeOf(pageSize));
  const last = page.at(-1);
  return { page, next: last !== undefined && sorted.length > page.length ? key(last) : undefined };
}

function labelChangeProblems(
  node: NodeRecord,
  set: Readonly<Record<string, string>>,
  remove: readonly string[],
): readonly Problem[] {
  const both = remove.filter((key) => Object.hasOwn(set, key));
  return [
    ...labelProblems(set, 'set'),
    ...remove.flatMap((key, index) => keyProblems(key, `remove[${index}]`)),
    ...both.map((key) => ({ field: 'remove', message: `${JSON.stringify(key)} is in set too; do one of the two` })),
    ...tooManyProblems(node, set, remove),
  ];
}

/** A node that has too many already, by its token and its agent, may have them changed. */
function tooManyProblems(
  node: NodeRecord,
  set: Readonly<Record<string, string>>,
  remove: readonly string[],
): readonly Problem[] {
  const before = Object.keys(effectiveLabels(node));
  const after = new Set([...before, ...Object.keys(set)]);
  for (const key of remove) after.delete(key);
  if (after.size <= Math.max(MAX_LABELS, before.length)) return [];
  return [{ field: 'set', message: `the node would have ${after.size} labels; ${MAX_LABELS} are the most` }];
}
