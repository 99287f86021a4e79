/** Whether a test left something open: sockets, servers, timers, processes, files. */
import { readdir, readlink } from 'node:fs/promises';
import { eventually } from './eventually.ts';

/** What is open now, counted by kind. */
type Census = ReadonlyMap<string, number>;

/** The comparison at the end. */
export interface LeakCheck {
  /** Fails naming what is open now and was not at the start; waits up to 2 s for closings under way. */
  expectNoLeaks(): Promise<void>;
}

/** Takes the census before; call `expectNoLeaks` on the result as the last thing of the test. */
export async function startLeakCheck(): Promise<LeakCheck> {
  const before = await census();
  return {
    async expectNoLeaks() {
      const look = async (): Promise<boolean> => {
        const left = more(before, await census());
        if (left.length > 0) throw new Error(`left open: ${left.join(', ')}`);
        return true;
      };
      await eventually(look, { withinMs: 2_000, what: 'everything closed' });
    },
  };
}

/** Runs `body` and fails when it leaves something open. */
export async function expectNoLeaks(body: () => Promise<void>): Promise<void> {
  const check = await startLeakCheck();
  await body();
  await check.expectNoLeaks();
}

/** Handles that the looking itself, or the test runner, opens and closes. */
const PASSING: ReadonlySet<string> = new Set([
  'FSReqPromise',
  'FSReqCallback',
  'Immediate',
  'Timeout',
  'CloseReq',
  'FileHandleCloseReq',
]);

async function census(): Promise<Census> {
  const counts = new Map<string, number>();
  const add = (kind: string): void => {
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  };
  for (const kind of process.getActiveResourcesInfo()) if (!PASSING.has(kind)) add(kind);
  for (const target of await openFiles()) add(`fd ${target}`);
  return counts;
}

/** What each descriptor is: the path of a file, the kind of anything else. */
async function openFiles(): Promise<string[]> {
  if (process.platform !== 'linux') return [];
  const targets: string[] = [];
  for (const fd of await readdir('/proc/self/fd')) {
    // The descriptor of this very listing is gone by now.
    const target = await readlink(`/proc/self/fd/${fd}`).catch(() => undefined);
    if (target !== undefined && !target.startsWith('/proc/')) targets.push(target.replace(/:\[.*$/, ''));
  }
  return targets;
}

function more(before: Census, now: Census): string[] {
  const left: string[] = [];
  for (const [kind, count] of now) {
    const added = count - (before.get(kind) ?? 0);
    if (added > 0) left.push(`${added} × ${kind}`);
  }
  return left;
}
