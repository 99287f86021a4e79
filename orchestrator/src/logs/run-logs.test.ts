import { describe, expect, it } from '@jest/globals';
import { asAttemptId } from '@muster/common/ids/ids';
import type { LogStore } from './log-store.ts';
import { RunLogs } from './run-logs.ts';

const ATTEMPT = asAttemptId('01arz3ndektsv4rrffq69g5fav');
const EMPTY = { storedBytes: 0, missingBytes: 0 };
const recover: LogStore['recover'] = async () => ({ stdout: EMPTY, stderr: EMPTY, records: 0 });
const nothing = () => Promise.reject(new Error('not asked for here'));
const store: LogStore = {
  recover,
  append: nothing,
  records: nothing,
  read: nothing,
  runs: nothing,
  remove: nothing,
};

describe('the logs in memory', () => {
  it('are each there once, also where more are worked with than stay when idle', async () => {
    const logs = new RunLogs(store);
    const runs = Array.from({ length: 1_200 }, (_, at) => at + 1);
    const first = await Promise.all(runs.map((run) => logs.lease({ attemptId: ATTEMPT, run })));
    const second = await Promise.all(runs.map((run) => logs.lease({ attemptId: ATTEMPT, run })));
    const doubled = runs.filter((_, at) => first[at]?.log !== second[at]?.log);
    expect(doubled).toEqual([]);
  });

  it('are forgotten when idle, but for some', async () => {
    const logs = new RunLogs(store);
    for (let run = 1; run <= 600; run += 1) (await logs.lease({ attemptId: ATTEMPT, run }))[Symbol.dispose]();
    expect([...logs.ofAttempt(ATTEMPT)].length).toBe(512);
    expect(logs.peek({ attemptId: ATTEMPT, run: 600 })).toBeDefined();
    expect(logs.peek({ attemptId: ATTEMPT, run: 1 })).toBeUndefined();
  });
});
