import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { ManualClock } from '@muster/testing/manual-clock';
import { makeInterpretersProbe, versionIn } from './interpreters.ts';
import { never, testMachine, writeProgram } from './probe-context.fixture.ts';

describe('the interpreters probe', () => {
  it('lists what is in the PATH, with absolute path and version', async () => {
    await using machine = await testMachine({ programs: { python3: 'echo Python 3.11.7', perl: 'echo v5.36.0 >&2' } });
    const { interpreters } = (await makeInterpretersProbe().run(machine.context, never)).part;
    expect(interpreters).toMatchObject([
      { name: 'python3', path: join(machine.binDirectory, 'python3'), version: '3.11.7' },
      { name: 'perl', version: '5.36.0' },
    ]);
  });

  it('lists one that has no version without it, and never starts dash for it', async () => {
    await using machine = await testMachine({
      programs: { sh: 'echo "Illegal option 9.9" >&2; exit 2', dash: 'echo 1.2; touch "$HOME/started"' },
    });
    const { interpreters } = (await makeInterpretersProbe().run(machine.context, never)).part;
    expect(interpreters?.map(({ name, version }) => [name, version])).toEqual([
      ['sh', ''],
      ['dash', ''],
    ]);
    await expect(rm(machine.dir.join('started'))).rejects.toThrow('ENOENT');
  });

  it('leaves out what a version manager only pretends to have', async () => {
    await using machine = await testMachine({ programs: { python3: 'echo "command not found" >&2; exit 127' } });
    expect((await makeInterpretersProbe().run(machine.context, never)).part.interpreters).toEqual([]);
  });

  it('gives up a program that hangs after two seconds, and lists it without a version', async () => {
    const clock = new ManualClock();
    await using machine = await testMachine({ programs: { ruby: 'exec sleep 600' }, clock });
    const looking = makeInterpretersProbe().run(machine.context, never);
    await clock.waitUntilSleepers(1);
    await clock.advance(2_000);
    const { interpreters } = (await looking).part;
    expect(interpreters?.map(({ name, version }) => [name, version])).toEqual([['ruby', '']]);
  });

  it('asks for a version again only when the program changed, or after an hour', async () => {
    const clock = new ManualClock();
    const count = 'echo x >> "$HOME/count"; echo 3.$(wc -l < "$HOME/count").0';
    await using machine = await testMachine({ programs: { ruby: count }, clock });
    const probe = makeInterpretersProbe();
    const version = async (): Promise<string | undefined> =>
      (await probe.run(machine.context, never)).part.interpreters?.[0]?.version;
    expect([await version(), await version()]).toEqual(['3.1.0', '3.1.0']);
    await clock.advance(3_600_000);
    expect(await version()).toBe('3.2.0');
    await writeProgram(join(machine.binDirectory, 'ruby'), `${count} # newer`);
    expect(await version()).toBe('3.3.0');
  });

  it('hands programs nothing of the agent’s environment but PATH and HOME', async () => {
    const environment = { MUSTER_AGENT_JOIN_TOKEN: '7.7.7' };
    await using machine = await testMachine({
      programs: { node: 'echo "1.0.0$MUSTER_AGENT_JOIN_TOKEN"' },
      environment,
    });
    expect((await makeInterpretersProbe().run(machine.context, never)).part.interpreters?.[0]?.version).toBe('1.0.0');
  });
});

describe('the version in an output', () => {
  it.each([
    ['GNU bash, version 5.2.15(1)-release (x86_64-pc-linux-gnu)', '5.2.15'],
    ['\nThis is perl 5, version 36, subversion 0 (v5.36.0) built for x86_64', '5.36.0'],
    ['ruby 3.1.2p20 (2022-04-12 revision 4491bb740a) [x86_64-linux-gnu]', '3.1.2p20'],
    ['v24.21.0', '24.21.0'],
    ['Rscript (R) version 4.2.2 (2022-10-31)', '4.2.2'],
    ['mawk 1.3.4 20200120', '1.3.4'],
    ['PowerShell 7.4.1', '7.4.1'],
  ])('of %j is %s', (output, version) => {
    expect(versionIn(output)).toBe(version);
  });

  it('is missing where there is none', () => {
    expect(versionIn('usage: lua [options]')).toBeUndefined();
  });
});
