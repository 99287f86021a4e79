import { readFile } from 'node:fs/promises';
import { describe, expect, it } from '@jest/globals';
import { AppError, errorChain, isAppError } from './app-error.ts';
import { codeOfGrpcStatus, errorCodes, grpcStatusOf } from './codes.ts';

const networkError = (code: string): Error => Object.assign(new Error(`connect ${code}`), { code });

describe('the table of codes', () => {
  it('gives each code a status of its own and finds it again', () => {
    const entries = Object.entries(errorCodes);
    expect(entries).toHaveLength(15);
    for (const [name, { grpc }] of entries) {
      const code = codeOfGrpcStatus(grpc);
      expect(code).toBe(name);
      expect(grpcStatusOf(code)).toBe(grpc);
    }
  });

  it('takes a status that we do not use for internal', () => {
    expect(codeOfGrpcStatus(2)).toBe('internal');
    expect(codeOfGrpcStatus(99)).toBe('internal');
  });
});

describe('an AppError', () => {
  it('shows the field before the message and keeps both apart', () => {
    const error = new AppError('invalid_argument', 'must not be empty', { field: 'spec.argv[0]' });
    expect(error.message).toBe('spec.argv[0]: must not be empty');
    expect(error.rawMessage).toBe('must not be empty');
    expect(error.field).toBe('spec.argv[0]');
    expect(isAppError(error)).toBe(true);
    expect(isAppError(error, 'invalid_argument')).toBe(true);
    expect(isAppError(error, 'internal')).toBe(false);
  });

  it('is made of anything caught', async () => {
    const app = new AppError('not_found', 'no such job');
    expect(AppError.from(app, 'ignored')).toBe(app);
    expect(AppError.from(AbortSignal.abort().reason).code).toBe('cancelled');
    expect(AppError.from(new DOMException('late', 'TimeoutError')).code).toBe('deadline_exceeded');
    expect(AppError.from(networkError('ECONNREFUSED'), 'cannot reach the orchestrator')).toMatchObject({
      code: 'unavailable',
      message: 'cannot reach the orchestrator: connect ECONNREFUSED',
    });
    expect(AppError.from('a text').code).toBe('internal');
    const missing: unknown = await readFile('/nonexistent/file').catch((error: unknown) => error);
    const wrapped = AppError.from(missing);
    expect(wrapped).toMatchObject({ code: 'internal', cause: missing });
    expect(wrapped.message).toContain('ENOENT');
  });

  it('is logged as one line with all causes, joined ones too', () => {
    const root = networkError('ECONNRESET');
    const joined = new AggregateError([new AppError('aborted', 'a'), new Error('b')], 'two loops failed', {
      cause: root,
    });
    const top = new AppError('unavailable', 'session ended', { cause: joined });
    expect(errorChain(top)).toBe(
      'unavailable: session ended <- AggregateError: two loops failed [aborted: a; Error: b] <- ECONNRESET: connect ECONNRESET',
    );
  });

  it('is logged in bounded length when causes form a circle', () => {
    const error = new Error('round');
    error.cause = error;
    expect(errorChain(error).split(' <- ')).toHaveLength(16);
  });
});
