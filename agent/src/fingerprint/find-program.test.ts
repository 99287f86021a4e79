import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { findProgram } from './find-program.ts';
import { testMachine, writeProgram } from './probe-context.fixture.ts';

describe('finding a program', () => {
  it('takes the first executable file, past directories and files that are none', async () => {
    await using machine = await testMachine({ programs: { tool: 'true' } });
    await mkdir(machine.dir.join('a/tool'), { recursive: true });
    await mkdir(machine.dir.join('b'));
    await writeFile(machine.dir.join('b/tool'), 'not executable');
    await writeProgram(machine.dir.join('z/tool'), 'true');
    const searchPath = [
      machine.dir.join('a'),
      machine.dir.join('b'),
      '/no/such',
      machine.binDirectory,
      machine.dir.join('z'),
    ];
    expect(await findProgram('tool', searchPath.join(':'))).toBe(join(machine.binDirectory, 'tool'));
  });

  it('passes over relative entries, and finds nothing without a path', async () => {
    expect(await findProgram('package.json', '.:')).toBeUndefined();
    expect(await findProgram('sh', undefined)).toBeUndefined();
  });
});
