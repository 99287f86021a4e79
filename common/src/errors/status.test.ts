import { Metadata } from '@grpc/grpc-js';
import { describe, expect, it } from '@jest/globals';
import { AppError } from './app-error.ts';
import { fromConnectError, toConnectError } from './connect-status.ts';
import { fromServiceError, toGrpcStatus, toServiceError } from './grpc-status.ts';

const refuseReport = (): string => {
  throw new Error('only internal errors are reported');
};
const full = new AppError('invalid_argument', 'must not hold "="', {
  field: 'env["Ä="]',
  retryAfterMs: 1500.2,
  cause: new Error('hunter2'),
});

describe('failures on the wire', () => {
  it('keep code, field, message and retry time over gRPC, and lose their cause', () => {
    const back = fromServiceError(toServiceError(full, refuseReport));
    expect(back).toMatchObject({ code: full.code, field: full.field, rawMessage: full.rawMessage, retryAfterMs: 1501 });
    expect(back.message).toBe(full.message);
    expect(JSON.stringify(toGrpcStatus(full, refuseReport))).not.toContain('hunter2');
  });

  it('keep the same over Connect', () => {
    const back = fromConnectError(toConnectError(full, refuseReport));
    expect(back).toMatchObject({ code: full.code, field: full.field, rawMessage: full.rawMessage, retryAfterMs: 1501 });
  });

  it('leave as an incident number when they are internal', () => {
    const reported: AppError[] = [];
    const report = (error: AppError): string => {
      reported.push(error);
      return '42';
    };
    const secret = new Error('password hunter2 at /var/lib/muster');
    expect(toGrpcStatus(secret, report)).toMatchObject({ code: 13, details: 'internal error, id 42' });
    expect(toConnectError(secret, report).rawMessage).toBe('internal error, id 42');
    expect(reported.map((error) => error.cause)).toEqual([secret, secret]);
  });

  it('can hold any text, also broken Unicode, without failing to be encoded', () => {
    const broken = new AppError('not_found', 'no node \ud800', { field: 'name\udfff' });
    const status = toGrpcStatus(broken, refuseReport);
    expect(() => encodeURI(status.details)).not.toThrow();
    expect(toConnectError(broken, refuseReport).rawMessage).toContain('no node');
  });

  it('are read from a hostile peer without trusting its headers', () => {
    const metadata = new Metadata();
    metadata.set('muster-error-field', '%E0%A4%A');
    metadata.set('muster-retry-after-ms', '-5');
    expect(fromServiceError({ code: 5, details: 'gone', metadata })).toMatchObject({
      code: 'not_found',
      field: undefined,
      retryAfterMs: undefined,
      message: 'gone',
    });
  });
});
