// What every job store must do, whatever database is behind it.
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { JobBench, type OpenJobStore } from './job-bench.fixture.ts';
import { cancelContract, queuedTaskContract } from './job-ending-contract.fixture.ts';
import { readingContract } from './job-reading-contract.fixture.ts';
import { startContract, submissionContract } from './job-start-contract.fixture.ts';
import { settlingContract, statusContract } from './job-status-contract.fixture.ts';
import { exited, reportOf, running } from './samples.fixture.ts';

/** Registers the tests; `make` opens an empty store. */
export function jobStoreContract(make: () => Promise<OpenJobStore>): void {
  const bench = new JobBench(make);
  beforeEach(() => bench.open());
  afterEach(() => bench.close());
  submissionContract(bench);
  startContract(bench);
  statusContract(bench);
  settlingContract(bench);
  cancelContract(bench);
  queuedTaskContract(bench);
  readingContract(bench);

  it('raises the revision with every change', async () => {
    const job = await bench.submitted();
    const seen: number[] = [job.revision];
    const note = async (): Promise<void> => void seen.push((await bench.jobNow(job)).revision);
    const start = await bench.started(job);
    await note();
    await bench.store.requestStop(start.attemptId, 'drain');
    await note();
    await bench.store.recordStatus(reportOf(start, running));
    await note();
    await bench.store.requestCancel(job.id, 5);
    await note();
    await bench.store.recordStatus(reportOf(start, exited(0, { stoppedBy: 'cancel' })));
    await note();
    await bench.store.completeLog(start.attemptId, []);
    await note();
    expect(seen).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect((await bench.jobNow(job)).state).toBe('cancelled');
  });
}
