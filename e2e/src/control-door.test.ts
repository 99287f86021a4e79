// The control door as strangers' tools see it: nothing but reflection, a key and an authority's certificate at hand.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { RealCluster } from '@muster/testing/real/cluster';
import { runCommand } from '@muster/testing/real/command';
import { projectRoot } from '@muster/testing/real/program';
import { requireTool } from '@muster/testing/requirement';
import { type TempDir, tempDir } from '@muster/testing/temp-dir';

const PATIENCE_MS = 120_000;
const SPEC = { workload: { process: { argv: ['sh', '-c', 'echo one; echo two'] } } };
const JOBS = 'muster.control.v1.JobService';
const buf = requireTool('buf');
const curl = requireTool('curl');
const grpcurl = requireTool('grpcurl');

let directory: TempDir;
let cluster: RealCluster;
let headerFile: string;

beforeAll(async () => {
  directory = await tempDir();
  cluster = await RealCluster.start({ directory: directory.path });
  await cluster.startAgent('alpha');
  headerFile = directory.join('header');
  writeFileSync(headerFile, `authorization: Bearer ${cluster.adminToken}`, { mode: 0o600 });
}, PATIENCE_MS);

afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
  await directory?.[Symbol.asyncDispose]();
}, PATIENCE_MS);

interface LogEventJson {
  readonly data?: { readonly data: string };
  readonly end?: { readonly complete: boolean };
}

/** Text of `data` fields, which JSON carries in base64. */
function textOf(events: readonly LogEventJson[]): string {
  return events.map((each) => Buffer.from(each.data?.data ?? '', 'base64').toString('utf8')).join('');
}

/** JSON values that stand one after another. */
function jsonValues(text: string): LogEventJson[] {
  return JSON.parse(`[${text.trim().replaceAll(/\}\s*\{/g, '},{')}]`);
}

buf.describe('buf curl', () => {
  const bufCurl = (...rest: string[]) => {
    const common = ['curl', '--protocol', 'grpc', '--cacert', cluster.endpoints.ca_file];
    return runCommand(buf.path ?? 'buf', [...common, '--reflect-header', `@${headerFile}`, ...rest]);
  };
  const call = (method: string, data: unknown) =>
    bufCurl(
      '--header',
      `@${headerFile}`,
      '--reflect-header',
      '*',
      '--data',
      JSON.stringify(data),
      `${cluster.endpoints.control_url}/${method}`,
    );

  it(
    'lists the services by reflection',
    async () => {
      const result = await bufCurl('--list-services', cluster.endpoints.control_url);
      expect(result.stdout.split('\n')).toEqual(expect.arrayContaining([JOBS, 'grpc.health.v1.Health']));
    },
    PATIENCE_MS,
  );

  it(
    'submits a job and follows its log',
    async () => {
      const submitted = await call(`${JOBS}/SubmitJob`, { spec: SPEC });
      const { id } = JSON.parse(submitted.stdout).job;
      const followed = await call(`${JOBS}/ReadLogs`, { jobId: id, follow: true });
      const events = jsonValues(followed.stdout);
      expect(textOf(events)).toBe('one\ntwo\n');
      expect(events.at(-1)?.end?.complete).toBe(true);
    },
    PATIENCE_MS,
  );

  it(
    'gets a status and a sentence for a bad request',
    async () => {
      const result = await call(`${JOBS}/SubmitJob`, { spec: { workload: { process: { argv: [] } } } });
      expect(result.code).not.toBe(0);
      expect(result.stderr).toContain('invalid_argument');
      expect(result.stderr).toContain('spec.workload.process.argv');
    },
    PATIENCE_MS,
  );
});

grpcurl.describe('grpcurl', () => {
  const call = (flags: readonly string[], ...rest: string[]) => {
    const header = `authorization: Bearer ${cluster.adminToken}`;
    const common = ['-cacert', cluster.endpoints.ca_file, '-H', header];
    return runCommand(grpcurl.path ?? 'grpcurl', [
      ...common,
      ...flags,
      new URL(cluster.endpoints.control_url).host,
      ...rest,
    ]);
  };

  it(
    'lists and describes the services by reflection',
    async () => {
      expect((await call([], 'list')).stdout).toContain(JOBS);
      expect((await call([], 'describe', `${JOBS}.SubmitJob`)).stdout).toContain('rpc SubmitJob');
    },
    PATIENCE_MS,
  );

  it(
    'submits a job and follows its log',
    async () => {
      const submitted = await call(['-d', JSON.stringify({ spec: SPEC, wait: '20s' })], `${JOBS}/SubmitJob`);
      const { job } = JSON.parse(submitted.stdout);
      expect(job.state).toBe('JOB_STATE_SUCCEEDED');
      const followed = await call(['-d', JSON.stringify({ jobId: job.id, follow: true })], `${JOBS}/ReadLogs`);
      expect(textOf(jsonValues(followed.stdout))).toBe('one\ntwo\n');
    },
    PATIENCE_MS,
  );
});

curl.describe('curl with JSON', () => {
  const post = async (method: string, body: unknown, withKey = true) => {
    const key = withKey ? ['-H', `@${headerFile}`] : [];
    const args = ['-sS', '--cacert', cluster.endpoints.ca_file, ...key, '-H', 'content-type: application/json'];
    const url = `${cluster.endpoints.control_url}/${method}`;
    const result = await runCommand(curl.path ?? 'curl', [
      ...args,
      '-d',
      JSON.stringify(body),
      '-w',
      '\n%{http_code}',
      url,
    ]);
    const lines = result.stdout.split('\n');
    return { status: lines.at(-1), body: JSON.parse(lines.slice(0, -1).join('\n')) };
  };

  it(
    'submits a job and sees how it ended',
    async () => {
      const { body } = await post(`${JOBS}/SubmitJob`, { spec: SPEC, wait: '20s' });
      expect(body.job.state).toBe('JOB_STATE_SUCCEEDED');
      const { body: got } = await post(`${JOBS}/GetJob`, { jobId: body.job.id });
      expect(got.job.tasks[0].attempts[0].outcome.ended.exited).toEqual({});
    },
    PATIENCE_MS,
  );

  it(
    'without a key is told so, and nothing else',
    async () => {
      const { status, body } = await post(`${JOBS}/ListJobs`, {}, false);
      expect(status).toBe('401');
      expect(body.code).toBe('unauthenticated');
    },
    PATIENCE_MS,
  );
});

describe('a TypeScript project outside the repository', () => {
  it(
    'installs the packed @muster/gen and uses it',
    async () => {
      const home = directory.join('outside');
      mkdirSync(home, { recursive: true });
      const packed = await runCommand('npm', ['pack', '-w', '@muster/gen', '--pack-destination', home, '--silent']);
      expect(packed.code).toBe(0);
      writeFileSync(join(home, 'package.json'), JSON.stringify({ name: 'outside', private: true, type: 'module' }));
      const archive = packed.stdout.trim().split('\n').at(-1) ?? '';
      const versions = JSON.parse(readFileSync(`${projectRoot}cli/package.json`, 'utf8')).dependencies;
      const wanted = ['@connectrpc/connect', '@connectrpc/connect-node'].map((name) => `${name}@${versions[name]}`);
      const flags = ['--no-audit', '--no-fund', '--prefer-offline'];
      const installed = await runCommand('npm', ['install', ...flags, `./${archive}`, ...wanted], { cwd: home });
      expect(installed.stderr).not.toContain('ERR!');
      writeFileSync(join(home, 'use.ts'), outsideProgram);
      const { control_url, ca_file, admin_token_file } = cluster.endpoints;
      const environment = { CONTROL_URL: control_url, CA_FILE: ca_file, KEY_FILE: admin_token_file };
      const used = await runCommand(process.execPath, ['use.ts'], { cwd: home, environment });
      expect(used.stdout).toBe('one\ntwo\n');
    },
    PATIENCE_MS,
  );
});

const outsideProgram = `
import { readFileSync } from 'node:fs';
import { createClient, type Interceptor } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { JobService } from '@muster/gen/muster/control/v1/job_service_pb';

const key = readFileSync(process.env.KEY_FILE ?? '', 'utf8').trim();
const withKey: Interceptor = (next) => (request) => {
  request.header.set('authorization', \`Bearer \${key}\`);
  return next(request);
};
const transport = createGrpcTransport({
  baseUrl: process.env.CONTROL_URL ?? '',
  interceptors: [withKey],
  nodeOptions: { ca: readFileSync(process.env.CA_FILE ?? '') },
});
const jobs = createClient(JobService, transport);
const argv = ['sh', '-c', 'echo one; echo two'];
const { job } = await jobs.submitJob({ spec: { workload: { kind: { case: 'process', value: { argv } } } } });
for await (const { event } of jobs.readLogs({ jobId: job?.id ?? '', follow: true })) {
  if (event.case === 'data') process.stdout.write(event.value.data);
}
process.exit(0);
`;
