/** One small HTTP request to a service of this machine or its cloud. No proxy, no redirects, no kept connection. */
import { type IncomingHttpHeaders, type IncomingMessage, type RequestOptions, request } from 'node:http';
import type { Clock } from '@muster/common/clock/clock';
import { AppError } from '@muster/common/errors/app-error';

/** A request. */
export interface HttpQuestion {
  /** A base address such as "http://169.254.169.254", or the socket's path. */
  readonly to: { readonly base: string } | { readonly socketPath: string };
  readonly path: string;
  readonly method?: 'GET' | 'PUT';
  readonly headers?: Readonly<Record<string, string>>;
  /** How long connecting may take. */
  readonly connectTimeoutMs: number;
}

/** What came back. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Docker's /info, the longest answer that we read, has some tens of KiB. */
const MOST_BODY_BYTES = 1024 * 1024;

/**
 * Asks. Rejects with AppError `deadline_exceeded` where no connection comes about in time, with Node's error where it
 * breaks, and with the signal's reason when aborted.
 */
export function askHttp(question: HttpQuestion, clock: Clock, signal: AbortSignal): Promise<HttpAnswer> {
  const { connectTimeoutMs } = question;
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(signal.reason);
      return;
    }
    const asked = request(optionsOf(question));
    const connectTimer = clock.schedule(connectTimeoutMs, () => {
      asked.destroy(new AppError('deadline_exceeded', `no connection within ${connectTimeoutMs} ms`));
    });
    const onAbort = (): void => void asked.destroy(AppError.from(signal.reason));
    signal.addEventListener('abort', onAbort, { once: true });
    asked.on('socket', (socket) => socket.once('connect', () => connectTimer[Symbol.dispose]()));
    asked.on('close', () => {
      connectTimer[Symbol.dispose]();
      signal.removeEventListener('abort', onAbort);
    });
    // Stays for good: a request that is destroyed twice has two errors, and the second must not be unhandled.
    asked.on('error', (error) => reject(signal.aborted ? signal.reason : error));
    asked.on('response', (response) => {
      readBody(response).then(resolve, (error: unknown) => reject(signal.aborted ? signal.reason : error));
    });
    asked.end();
  });
}

function optionsOf({ to, path, method = 'GET', headers = {} }: HttpQuestion): RequestOptions {
  const common: RequestOptions = { method, headers: { ...headers }, agent: false };
  if ('socketPath' in to) return { ...common, socketPath: to.socketPath, path };
  const { hostname, port, pathname, search } = new URL(path, to.base);
  return { ...common, hostname, port, path: pathname + search };
}

async function readBody(response: IncomingMessage): Promise<HttpAnswer> {
  const parts: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const bytes of response) {
    if (!Buffer.isBuffer(bytes)) continue;
    sizeBytes += bytes.length;
    if (sizeBytes > MOST_BODY_BYTES) throw new AppError('resource_exhausted', 'the answer is longer than 1 MiB');
    parts.push(bytes);
  }
  const body = Buffer.concat(parts).toString('utf8');
  return { status: response.statusCode ?? 0, headers: response.headers, body };
}
