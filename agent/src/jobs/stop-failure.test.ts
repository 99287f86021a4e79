// A stop that fails at first, on a supervisor of the test's own.
import { create } from '@bufbuild/protobuf';
import { expect, it } from '@jest/globals';
import { nodeDisk } from '@muster/common/disk/node-disk';
import { AppError } from '@muster/common/errors/app-error';
import { asAttemptId } from '@muster/common/ids/ids';
import { AssignmentSchema, type AttemptStatus } from '@muster/gen/muster/agent/v1/assignment_pb';
import { StoppedBy } from '@muster/gen/muster/job/v1/status_pb';
import { captureLogs } from '@muster/testing/capture-logs';
import { eventually } from '@muster/testing/eventually';
import { ManualClock } from '@muster/testing/manual-clock';
import { tempDir } from '@muster/testing/temp-dir';
import { freshId } from '../agent.fixture.ts';
import type { RunObservation, Supervisor } from '../supervisor/supervisor.ts';
import { JobRunner } from './job-runner.ts';

/** Keeps one run, which the second signal ends: at the first nobody can look at processes. */
function stubbornSupervisor(directory: string): Supervisor {
  const end = Promise.withResolvers<RunObservation>();
  let signals = 0;
  const ended: RunObservation = {
    kind: 'ended',
    end: { kind: 'signaled', signal: 'SIGTERM', number: 15, fromShellStatus: false, coreDumped: false },
    usage: { cpuUserMs: 0, cpuSystemMs: 0, wallMs: 0 },
    startedAtMs: 0,
    endedAtMs: 0,
    signalsSent: ['SIGTERM'],
  };
  return {
    start: async () => ({ kind: 'started', pid: 1, startedAtMs: 0 }),
    observe: async () => ended,
    ended: () => end.promise,
    claimNever: async () => 'started',
    signalTree: async () => {
      signals += 1;
      if (signals === 1) throw new AppError('internal', 'too many open files');
      end.resolve(ended);
      return 1;
    },
    countTree: async () => (signals > 1 ? 0 : 1),
    outputPath: (_key, stream) => `${directory}/${stream}`,
    remove: async () => undefined,
    list: async () => [],
  };
}

it('a stop that fails is tried again until the run has ended', async () => {
  await using dir = await tempDir();
  const clock = new ManualClock();
  const { logger, lines } = captureLogs();
  const statuses: AttemptStatus[] = [];
  const attemptId = asAttemptId(freshId());
  const assignment = create(AssignmentSchema, {
    attemptId,
    spec: { workload: { kind: { case: 'process', value: { argv: ['sleep', '9'] } } } },
  });
  const deps = {
    clock,
    disk: nodeDisk,
    logger,
    ledger: {
      attemptIds: [],
      has: () => false,
      entry: async () => undefined,
      recordStarted: async () => undefined,
      recordResult: async () => undefined,
      recordForgotten: async () => undefined,
    },
    supervisor: stubbornSupervisor(dir.path),
    drivers: {
      prepare: async () => ({
        kind: 'ready' as const,
        launch: { argv: ['sleep', '9'] as const, workingDirectory: '/', environment: {} },
      }),
    },
    logs: {
      begin: () => undefined,
      finish: () => ({ stdout: 0, stderr: 0 }),
      remove: () => undefined,
      held: () => [],
    },
    statuses: { report: (status: AttemptStatus) => statuses.push(status), drop: () => undefined },
    bootId: 'boot',
    workPath: dir.path,
    environment: {},
    nodeName: 'node-1',
  };
  const runner = new JobRunner(deps, attemptId, assignment);
  const { signal } = new AbortController();
  const running = runner.run(signal);
  await eventually(() => runner.phase.kind === 'running');
  const stopping = runner.stop(StoppedBy.CANCEL, signal);
  await eventually(() => lines.some((line) => JSON.stringify(line).includes('could not be stopped')));
  await clock.advance(1_000);
  await stopping;
  await running;
  expect(runner.result?.outcome?.outcome.value).toMatchObject({ stoppedBy: StoppedBy.CANCEL });
});
