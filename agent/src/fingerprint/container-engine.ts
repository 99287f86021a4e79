/** Docker, or what speaks its language (Podman), over its socket. No socket: no engine, and no failure. */
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { AppError, errnoOf } from '@muster/common/errors/app-error';
import { type ContainerEngine, ContainerEngineSchema } from '@muster/gen/muster/node/v1/fingerprint_pb';
import { askHttp } from './ask-http.ts';
import { textAt, valueAt } from './json-value.ts';
import type { Probe, ProbeContext } from './probe.ts';

/** The engine answers in milliseconds; one that does not within a second will not start containers either. */
const TIMEOUT_MS = 1_000;

/** The engine's name, version, highest API version and kind of control groups. */
export const containerEngineProbe: Probe = {
  name: 'container_engine',
  periodMs: 30_000,
  timeoutMs: TIMEOUT_MS,
  async run(context, signal) {
    const socketPath = socketOf(context);
    try {
      return { part: { containerEngine: await ask(socketPath, context, signal) } };
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return { part: {} };
      throw explain(error, socketPath);
    }
  },
};

function socketOf({ environment, root }: ProbeContext): string {
  const host = environment['DOCKER_HOST'] ?? '';
  if (host === '') return join(root, '/var/run/docker.sock');
  // The value itself stays unsaid: an address may hold a password.
  if (!host.startsWith('unix://'))
    throw new Error('DOCKER_HOST is not a unix:// address; only a socket of this machine is asked');
  return host.slice('unix://'.length);
}

async function ask(socketPath: string, context: ProbeContext, signal: AbortSignal): Promise<ContainerEngine> {
  const get = (path: string): Promise<unknown> => getJson(socketPath, path, context, signal);
  // /info counts all containers and can be slow or refused; without it only the control groups' version is missing.
  const [version, about] = await Promise.all([get('/version'), get('/info').catch((): unknown => undefined)]);
  return create(ContainerEngineSchema, {
    name: isPodman(version) ? 'podman' : 'docker',
    version: textAt(version, 'Version'),
    apiVersion: textAt(version, 'ApiVersion'),
    cgroupVersion: Number(textAt(about, 'CgroupVersion')) || 0,
  });
}

async function getJson(
  socketPath: string,
  path: string,
  { clock }: ProbeContext,
  signal: AbortSignal,
): Promise<unknown> {
  const answer = await askHttp(
    { to: { socketPath }, path, headers: { Host: 'docker' }, connectTimeoutMs: TIMEOUT_MS },
    clock,
    signal,
  );
  if (answer.status !== 200) throw new Error(`the container engine answered ${path} with status ${answer.status}`);
  return JSON.parse(answer.body);
}

function isPodman(version: unknown): boolean {
  const components = valueAt(version, 'Components');
  return Array.isArray(components) && components.some((each: unknown) => textAt(each, 'Name').startsWith('Podman'));
}

function explain(error: unknown, socketPath: string): unknown {
  const errno = errnoOf(error);
  if (errno === 'EACCES') {
    const what = `no permission to use ${socketPath}; add the agent's user to the group that owns it`;
    return new AppError('permission_denied', what, { cause: error });
  }
  if (errno !== 'ECONNREFUSED') return error;
  return new AppError('unavailable', `nobody listens on ${socketPath}; start the container engine`, { cause: error });
}
