import { existsSync, readFileSync, statSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { describe, expect, it } from '@jest/globals';
import { nodeDisk } from '@muster/common/disk/node-disk';
import { asAttemptId } from '@muster/common/ids/ids';
import { type JobSpec, JobSpecSchema } from '@muster/gen/muster/job/v1/job_spec_pb';
import { NotRunReason } from '@muster/gen/muster/job/v1/status_pb';
import { WorkloadSchema } from '@muster/gen/muster/job/v1/workload_pb';
import { type TempDir, tempDir } from '@muster/testing/temp-dir';
import type { PrepareContext } from '../jobs/attempt-ports.ts';
import { PreflightCheck } from '../supervisor/preflight.ts';
import { driverRegistry, supportedKinds } from './driver-registry.ts';
import { processDriver } from './process/process-driver.ts';
import { makeScriptDriver } from './script/script-driver.ts';

const own = { script: makeScriptDriver({ disk: nodeDisk, programs: new PreflightCheck() }), process: processDriver };
const registry = driverRegistry(own);
const { signal: never } = new AbortController();

type WorkloadInit = MessageInitShape<typeof WorkloadSchema>;
const specOf = (workload: WorkloadInit, rest: MessageInitShape<typeof JobSpecSchema> = {}): JobSpec =>
  create(JobSpecSchema, { ...rest, workload: create(WorkloadSchema, workload) });
const contextOf = (dir: TempDir, rest: Partial<PrepareContext> = {}): PrepareContext => ({
  attemptId: asAttemptId('01k00000000000000000000000'),
  workDirectory: dir.path,
  workingDirectory: '/tmp',
  environment: { PATH: '/usr/bin:/bin', A: 'b' },
  ...rest,
});
const scriptOf = (content: string, rest: object = {}): JobSpec =>
  specOf({ kind: { case: 'script', value: { content, ...rest } } });

describe('drivers', () => {
  it('hand on the program, directory, environment and standard input of a process', async () => {
    await using dir = await tempDir();
    const spec = specOf({ kind: { case: 'process', value: { argv: ['printf', '%s', ''] } } });
    expect(await registry.prepare(spec, contextOf(dir, { stdinPath: '/tmp/in' }), never)).toEqual({
      kind: 'ready',
      launch: {
        argv: ['printf', '%s', ''],
        workingDirectory: '/tmp',
        environment: { PATH: '/usr/bin:/bin', A: 'b' },
        stdinPath: '/tmp/in',
      },
    });
  });

  it('refuse a process without a program', async () => {
    await using dir = await tempDir();
    for (const argv of [[], ['', 'a']]) {
      const spec = specOf({ kind: { case: 'process', value: { argv } } });
      const prepared = await registry.prepare(spec, contextOf(dir), never);
      expect(prepared).toMatchObject({ kind: 'not_run', reason: NotRunReason.INVALID_SPEC });
    }
  });

  it('write a script byte by byte into a file that only its owner can read, and give it to /bin/sh', async () => {
    await using dir = await tempDir();
    const content = 'echo "ä\u{1f600}"\r\n\n';
    const prepared = await registry.prepare(scriptOf(content, { args: ['-x', ''] }), contextOf(dir), never);
    expect(prepared).toMatchObject({ launch: { argv: ['/bin/sh', dir.join('script'), '-x', ''] } });
    expect(readFileSync(dir.join('script'), 'utf8')).toBe(content);
    expect(statSync(dir.join('script')).mode & 0o777).toBe(0o700);
  });

  it('give a script to the interpreter asked for, with its arguments before the path', async () => {
    await using dir = await tempDir();
    const spec = scriptOf('exit 0', { interpreter: 'bash', interpreterArgs: ['-e', '-u'], args: ['a'] });
    const prepared = await registry.prepare(spec, contextOf(dir), never);
    expect(prepared).toMatchObject({ launch: { argv: ['bash', '-e', '-u', dir.join('script'), 'a'] } });
  });

  it('start a script itself where its first line names the interpreter', async () => {
    await using dir = await tempDir();
    const prepared = await registry.prepare(scriptOf('#!/usr/bin/env bash\nexit 0'), contextOf(dir), never);
    expect(prepared).toMatchObject({ launch: { argv: [dir.join('script')] } });
  });

  it.each([
    ['a name that is not in PATH', { interpreter: 'no-such-interpreter' }, 'exit 0', 'no-such-interpreter'],
    ['a path where nothing is', { interpreter: '/no/such' }, 'exit 0', '/no/such'],
    ['a first line that names nothing', {}, '#!/no/such/interpreter\n', '/no/such/interpreter'],
    ['a first line with a carriage return', {}, '#!/bin/sh\r\nexit 0\r\n', '/bin/sh\r'],
  ])('say that the interpreter is missing and write nothing: %s', async (_case, rest, content, named) => {
    await using dir = await tempDir();
    const prepared = await registry.prepare(scriptOf(content, rest), contextOf(dir), never);
    expect(prepared).toMatchObject({ kind: 'not_run', reason: NotRunReason.NO_INTERPRETER });
    expect(prepared).toMatchObject({ message: expect.stringContaining(named) });
    expect(existsSync(dir.join('script'))).toBe(false);
  });

  it('say that the interpreter may not be executed', async () => {
    await using dir = await tempDir();
    await writeFile(dir.join('plain'), 'x', { mode: 0o600 });
    const spec = scriptOf('exit 0', { interpreter: dir.join('plain') });
    const prepared = await registry.prepare(spec, contextOf(dir), never);
    expect(prepared).toMatchObject({ reason: NotRunReason.NO_INTERPRETER, message: expect.stringContaining('chmod') });
  });

  it('refuse with a sentence what they cannot run', async () => {
    await using dir = await tempDir();
    const unsupported = [
      specOf({ kind: { case: 'container', value: { image: 'alpine' } } }),
      specOf({ kind: { case: 'modelServer', value: {} } }),
      specOf({ kind: { case: 'process', value: { argv: ['true'] } } }, { runAs: 'nobody' }),
      specOf({ kind: { case: 'process', value: { argv: ['true'] } } }, { secrets: [{ name: 'a', env: 'A' }] }),
    ];
    for (const spec of unsupported) {
      const prepared = await registry.prepare(spec, contextOf(dir), never);
      expect(prepared).toMatchObject({
        reason: NotRunReason.UNSUPPORTED,
        message: expect.stringMatching(/^\w[\w.]+: /),
      });
    }
    const empty = await registry.prepare(create(JobSpecSchema, {}), contextOf(dir), never);
    expect(empty).toMatchObject({ reason: NotRunReason.INVALID_SPEC });
  });

  it('stop preparing when aborted', async () => {
    await using dir = await tempDir();
    const aborted = AbortSignal.abort(new Error('enough'));
    await expect(registry.prepare(scriptOf('exit 0'), contextOf(dir), aborted)).rejects.toThrow('enough');
    expect(existsSync(dir.join('script'))).toBe(false);
  });

  it('name the kinds that can run', () => {
    expect(supportedKinds(own)).toEqual(['script', 'process']);
  });
});
