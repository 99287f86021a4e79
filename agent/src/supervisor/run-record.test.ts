import { describe, expect, it } from '@jest/globals';
import { parseNotice } from './notice-pipe.ts';
import { parseStat } from './proc-files.ts';
import { endOfStatus, parseRunRecord } from './run-record.ts';

const stat = (pid: number, name = 'sh'): string =>
  `${pid} (${name}) R 1 ${pid} 5 0 -1 0 1 0 0 0 0 0 0 0 20 0 1 0 777 9 42 1`;
const claim = `claim boot ${stat(10)}\n`;

describe("a run's record", () => {
  it('holds what its lines say', () => {
    const times = '0m0.010000s 0m0.020000s\n1m2.500000s 0m0.040000s\n';
    const text = `${claim}watch 12\njob ${stat(11)}\nsignal SIGTERM\nsignal SIGTERM\nmemory 5\nKilled\n${times}exit 137 12.34 5\n`;
    expect(parseRunRecord(text)).toMatchObject({
      never: false,
      claim: { bootId: 'boot', keeper: { pid: 10, startTicks: 777 } },
      watchPid: 12,
      job: { pid: 11, residentPages: 42 },
      signalsSent: ['SIGTERM'],
      sampledMemoryBytes: 5,
      shellLines: ['Killed'],
      cpu: { userMs: 62_500, systemMs: 40 },
      exit: { status: 137, uptimeMs: 12_340 },
      timedOut: false,
    });
  });

  it('counts no line that was torn, wherever it was torn', () => {
    const line = 'exit 3 12.34 5\n';
    for (let length = 0; length < line.length; length += 1) {
      expect(parseRunRecord(claim + line.slice(0, length)).exit).toBeUndefined();
    }
    expect(parseRunRecord(claim + line).exit).toEqual({ status: 3, uptimeMs: 12_340 });
  });

  it('reads the exit that follows a torn one after the disk was full', () => {
    expect(parseRunRecord(`${claim}exi\nexit 3 12.34 5\n`).exit).toEqual({ status: 3, uptimeMs: 12_340 });
  });

  it('says nothing where nothing is', () => {
    expect(parseRunRecord('')).toMatchObject({ never: false, signalsSent: [], shellLines: [] });
    expect(parseRunRecord('never\n').never).toBe(true);
  });
});

describe('a status', () => {
  it('above 128 is a signal, certain where the shell named it', () => {
    expect(endOfStatus(139, ['Segmentation fault (core dumped)'])).toEqual({
      kind: 'signaled',
      signal: 'SIGSEGV',
      number: 11,
      fromShellStatus: false,
      coreDumped: true,
    });
    expect(endOfStatus(137, [])).toMatchObject({ signal: 'SIGKILL', fromShellStatus: true });
    expect(endOfStatus(128 + 64, [])).toMatchObject({ kind: 'signaled', signal: undefined, number: 64 });
  });

  it('is an exit code where no signal has that number', () => {
    for (const code of [0, 1, 127, 128, 193, 255]) expect(endOfStatus(code, [])).toEqual({ kind: 'exited', code });
  });
});

describe('a stat line', () => {
  it('is read whatever the program is called', () => {
    for (const name of ['sh', 'a b', ') R 1 (', '((', 'a)', ') '])
      expect(parseStat(stat(3, name))).toMatchObject({ pid: 3, startTicks: 777 });
  });

  it('is none where fields are missing', () => {
    for (const text of ['', '1', '1 (sh', '1 (sh) R 1', 'x (sh) R']) expect(parseStat(text)).toBeUndefined();
  });
});

describe('a notice', () => {
  it('has a kind, a name and a rest', () => {
    expect(parseNotice('s id 1 (sh) R')).toEqual({ kind: 'started', id: 'id', rest: '1 (sh) R' });
    expect(parseNotice('e id')).toEqual({ kind: 'ended', id: 'id', rest: '' });
    for (const text of ['', 'x id', 's', 's ']) expect(parseNotice(text)).toBeUndefined();
  });
});
