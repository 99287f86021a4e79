import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { describe, expect, it } from '@jest/globals';
import { JobSpecSchema, Lifetime } from '@muster/gen/muster/job/v1/job_spec_pb';
import { unsupportedProblems } from './spec-support.ts';
import { specProblems } from './spec-validation.ts';

/** Plain values only, so that they can be spread. */
type SpecInit = Extract<MessageInitShape<typeof JobSpecSchema>, { $typeName?: never }>;

const process = (...argv: string[]): SpecInit => ({ workload: { kind: { case: 'process', value: { argv } } } });
const script = (content: string, interpreter = ''): SpecInit => ({
  workload: { kind: { case: 'script', value: { content, interpreter } } },
});
const problemsOf = (init: SpecInit) => {
  const spec = create(JobSpecSchema, init);
  return specProblems(spec, toBinary(JobSpecSchema, spec).byteLength);
};
const fieldsOf = (init: SpecInit): string[] => problemsOf(init).map((each) => each.field);

describe('a well-formed spec', () => {
  it.each<[string, SpecInit]>([
    ['a program', process('true')],
    ['a program with an empty argument', process('printf', '')],
    ['a script', script('echo hello')],
    ['a script for an interpreter by path', script('print(1)', '/usr/bin/python3')],
    ['a name in another script', { ...process('true'), name: 'Nachtlauf – übung 夜' }],
    ['the longest grace', { ...process('true'), stop: { grace: durationFromMs(3_600_000) } }],
    ['a run timeout of one millisecond', { ...process('true'), timeouts: { run: durationFromMs(1) } }],
    ['no grace at all', { ...process('true'), stop: { signal: 'SIGINT', grace: durationFromMs(0) } }],
    ['an environment with odd but legal names', { ...process('true'), env: { 'a.b': 'c', ünï: '' } }],
  ])('has no problem: %s', (_name, init) => {
    expect(problemsOf(init)).toEqual([]);
  });
});

describe('a malformed spec', () => {
  it.each<[string, SpecInit, string]>([
    ['no workload', {}, 'spec.workload'],
    ['an empty argv', process(), 'spec.workload.process.argv'],
    ['an empty program', process('', 'x'), 'spec.workload.process.argv[0]'],
    ['a NUL in an argument', process('echo', 'a\0b'), 'spec.workload.process.argv[1]'],
    ['an argument over 128 KiB', process('echo', 'x'.repeat(128 * 1024)), 'spec.workload.process.argv[1]'],
    [
      'arguments over 1 MiB together',
      process('echo', ...Array(11).fill('x'.repeat(100_000))),
      'spec.workload.process.argv',
    ],
    ['an empty script', script(''), 'spec.workload.script.content'],
    ['a script over 1 MiB', script('#'.repeat(1024 * 1024 + 1)), 'spec.workload.script.content'],
    ['a script with a NUL', script('echo \0'), 'spec.workload.script.content'],
    ['an interpreter with arguments', script('x', 'bash -eu'), 'spec.workload.script.interpreter'],
    ['an interpreter by relative path', script('x', 'bin/bash'), 'spec.workload.script.interpreter'],
    ['a name with a terminal sequence', { ...process('true'), name: 'a\u001b[31m' }, 'spec.name'],
    ['a name with a direction mark', { ...process('true'), name: 'a\u202eb' }, 'spec.name'],
    ['a label key in capitals', { ...process('true'), labels: { GPU: 'a' } }, 'spec.labels'],
    [
      'a selector value with a space',
      { ...process('true'), placement: { selector: { matchLabels: { gpu: 'a b' } } } },
      'spec.placement.selector.match_labels["gpu"]',
    ],
    ['an empty node', { ...process('true'), placement: { nodes: [''] } }, 'spec.placement.nodes[0]'],
    ['an environment name with "="', { ...process('true'), env: { 'A=B': 'c' } }, 'spec.env["A=B"]'],
    ['an empty environment name', { ...process('true'), env: { '': 'c' } }, 'spec.env[""]'],
    ['a NUL in an environment value', { ...process('true'), env: { A: 'b\0' } }, 'spec.env["A"]'],
    ['an environment value over 64 KiB', { ...process('true'), env: { A: 'b'.repeat(64 * 1024) } }, 'spec.env["A"]'],
    ['a variable of ours', { ...process('true'), env: { MUSTER_RUN: '7' } }, 'spec.env["MUSTER_RUN"]'],
    ['a relative directory', { ...process('true'), workingDirectory: 'tmp' }, 'spec.working_directory'],
    [
      'more than fits into a frame together',
      {
        ...process('true'),
        env: Object.fromEntries(Array.from({ length: 70 }, (_, at) => [`V${at}`, 'x'.repeat(60_000)])),
      },
      'spec',
    ],
    ['standard input over 1 MiB', { ...process('true'), stdin: new Uint8Array(1024 * 1024 + 1) }, 'spec.stdin'],
    ['a negative run timeout', { ...process('true'), timeouts: { run: durationFromMs(-5) } }, 'spec.timeouts.run'],
    ['a run timeout of zero', { ...process('true'), timeouts: { run: durationFromMs(0) } }, 'spec.timeouts.run'],
    [
      'a queue timeout under a second',
      { ...process('true'), timeouts: { queue: durationFromMs(10) } },
      'spec.timeouts.queue',
    ],
    [
      'a timeout over 30 days',
      { ...process('true'), timeouts: { run: durationFromMs(31 * 86_400_000) } },
      'spec.timeouts.run',
    ],
    ['a negative grace', { ...process('true'), stop: { grace: durationFromMs(-1) } }, 'spec.stop.grace'],
    ['a signal that ends nothing', { ...process('true'), stop: { signal: 'SIGSTOP' } }, 'spec.stop.signal'],
    ['a priority over 100', { ...process('true'), priority: 101 }, 'spec.priority'],
  ])('names the field: %s', (_name, init, field) => {
    expect(fieldsOf(init)).toEqual([field]);
  });

  it('names every problem at once', () => {
    expect(fieldsOf({ ...process(), workingDirectory: 'x', priority: 200 })).toEqual([
      'spec.workload.process.argv',
      'spec.working_directory',
      'spec.priority',
    ]);
  });

  it('never shows a value of the environment', () => {
    const problems = problemsOf({ ...process('true'), env: { A: 'hunter2\0' } });
    expect(JSON.stringify(problems)).not.toContain('hunter2');
  });
});

describe('what this version can not do', () => {
  it.each<[string, SpecInit]>([
    ['namespace', { namespace: 'team-a' }],
    ['workload.container', { workload: { kind: { case: 'container', value: { image: 'x' } } } }],
    ['workload.model_server', { workload: { kind: { case: 'modelServer', value: {} } } }],
    ['placement.replicas', { placement: { count: { case: 'replicas', value: { count: 2 } } } }],
    ['placement.strategy', { placement: { strategy: 2 } }],
    ['resources', { resources: { cpuMillis: 500 } }],
    ['resources', { resources: { gpus: { count: 1 } } }],
    ['preemptible', { preemptible: true }],
    ['lifetime', { lifetime: Lifetime.SERVICE }],
    ['restart', { restart: { maxRuns: 2 } }],
    ['timeouts.start', { timeouts: { start: durationFromMs(5_000) } }],
    ['retry', { retry: { maxAttempts: 3 } }],
    ['lost_after', { lostAfter: durationFromMs(5_000) }],
    ['on_disconnect.stop_after', { onDisconnect: { policy: { case: 'stopAfter', value: {} } } }],
    ['on_return', { onReturn: 2 }],
    ['fan_out', { fanOut: { maxParallel: 2 } }],
    ['after', { after: [{ jobId: 'x' }] }],
    ['secrets', { secrets: [{ name: 'x' }] }],
    ['run_as', { runAs: 'nobody' }],
    ['output', { output: { maxBytes: 5n } }],
  ])('is refused by its path: %s', (field, init) => {
    expect(unsupportedProblems(create(JobSpecSchema, init)).map((each) => each.field)).toEqual([`spec.${field}`]);
  });

  it('does not refuse what asks for nothing beyond the defaults', () => {
    const spec = create(JobSpecSchema, {
      ...process('true'),
      namespace: 'default',
      lifetime: Lifetime.BATCH,
      retry: { maxAttempts: 1 },
      onDisconnect: { policy: { case: 'keep', value: {} } },
      resources: {},
      fanOut: {},
    });
    expect(unsupportedProblems(spec)).toEqual([]);
  });
});
