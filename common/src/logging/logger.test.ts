import { describe, expect, it } from '@jest/globals';
import { captureLogs } from '@muster/testing/capture-logs';
import { AppError } from '../errors/app-error.ts';
import { makeLogger } from './logger.ts';

describe('the log', () => {
  it('writes one JSON object per line, with name, level and time as text', () => {
    const logs = captureLogs('muster-agent');
    logs.logger.info({ nodeId: 'n1' }, 'connected');
    logs.logger.child({ session: 's1' }).warn('late');
    expect(logs.lines).toMatchObject([
      { name: 'muster-agent', level: 'info', nodeId: 'n1', msg: 'connected', time: expect.stringMatching(/^\d{4}-/) },
      { level: 'warn', session: 's1', msg: 'late' },
    ]);
  });

  it('masks secrets by the name of their key, at any depth and in children', () => {
    const logs = captureLogs();
    const secrets = {
      token: 'hunter2',
      deep: { list: [{ Authorization: 'hunter2', keyPem: 'hunter2' }] },
      apiKey: 'hunter2',
    };
    logs.logger
      .child({ joinToken: 'hunter2' })
      .info({ ...secrets, password: 'hunter2', client_secret: 'hunter2' }, 'hello');
    expect(logs.text()).not.toContain('hunter2');
    expect(logs.lines[0]).toMatchObject({ token: '[redacted]', joinToken: '[redacted]' });
  });

  it('writes big integers, bytes, errors with their causes, and ends circles', () => {
    const logs = captureLogs();
    const circle: Record<string, unknown> = { offset: 12n };
    circle['self'] = circle;
    const error = new AppError('unavailable', 'cut', { cause: new Error('reset') });
    logs.logger.error({ circle, revision: 7n, error, err: error, chunk: new Uint8Array(9) }, 'failed');
    expect(logs.lines[0]).toMatchObject({
      revision: '7',
      circle: { offset: '12' },
      error: { code: 'unavailable', chain: 'unavailable: cut <- Error: reset' },
      err: { code: 'unavailable' },
      chunk: '9 bytes',
    });
  });

  it('leaves out what is below its level', () => {
    const lines: string[] = [];
    const logger = makeLogger({ name: 'x', level: 'warn', destination: { write: (line) => lines.push(line) } });
    logger.info('quiet');
    logger.error('loud');
    expect(lines).toHaveLength(1);
  });

  it('is readable when pretty', () => {
    const lines: string[] = [];
    const logger = makeLogger({ name: 'x', pretty: true, destination: { write: (line) => lines.push(line) } });
    logger.info({ job: 'j1' }, 'started');
    expect(lines.join('')).toContain('started');
    expect(() => JSON.parse(lines.join(''))).toThrow();
  });
});
