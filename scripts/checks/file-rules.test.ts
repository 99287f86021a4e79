import { describe, expect, it } from '@jest/globals';
import { fileProblems } from './file-rules.ts';

const machine = { privateTexts: ['/build/checkout/', 'registry.example.test'] };

function messages(path: string, text: string): readonly string[] {
  return fileProblems(path, text, machine).map(({ message }) => message);
}

describe('the rules for files', () => {
  it('refuse a source of more than 400 lines, and no generated one', () => {
    const long = 'x;\n'.repeat(401);
    expect(messages('agent/src/jobs/job-runner.ts', long)).toEqual([expect.stringContaining('401 lines')]);
    expect(messages('agent/src/jobs/job-runner.ts', 'x;\n'.repeat(400))).toEqual([]);
    expect(messages('gen/src/muster/job/v1/job_pb.js', long)).toEqual([]);
  });

  it.each(['utils', 'helpers', 'types', 'index', 'manager', 'JobRunner', 'job_runner'])(
    'refuse the name %s.ts',
    (stem) => {
      expect(messages(`agent/src/jobs/${stem}.ts`, '')).toHaveLength(1);
    },
  );

  it.each(['job-runner.ts', 'job-runner.test.ts', 'job-runner.long.test.ts', 'sha256.ts'])(
    'accept the name %s',
    (name) => {
      expect(messages(`agent/src/jobs/${name}`, '')).toEqual([]);
    },
  );

  it('refuse a barrel, and accept a re-export beside code', () => {
    const barrel = "// All of it.\nexport * from './a.ts';\nexport { b } from './b.ts';\n";
    expect(messages('agent/src/jobs/job.ts', barrel)).toEqual([expect.stringContaining('no barrels')]);
    expect(messages('agent/src/jobs/job.ts', `${barrel}export const c = 1;\n`)).toEqual([]);
  });

  it.each(['Orchestrator', 'Agent', 'SessionManager', 'PathUtils'])('refuse a class named %s', (name) => {
    expect(messages('agent/src/jobs/job.ts', `export class ${name} {}\n`)).toEqual([expect.stringContaining(name)]);
    expect(messages('agent/src/jobs/job.ts', `// a class ${name} would be wrong\n`)).toEqual([]);
  });

  it('refuse what names one machine, in any file', () => {
    expect(messages('docs/operations.md', 'see /build/checkout/agent\n')).toEqual([
      expect.stringContaining('belongs to one machine'),
    ]);
    expect(messages('package-lock.json', '"https://registry.example.test/a"\n')).toHaveLength(1);
  });
});
