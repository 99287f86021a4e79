/** The job that `muster run` was asked for. */
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { type JobSpec, JobSpecSchema, type PlacementSchema } from '@muster/gen/muster/job/v1/job_spec_pb';
import type { WorkloadSchema } from '@muster/gen/muster/job/v1/workload_pb';
import { parseEnv, parseLabels } from '../input/labels.ts';
import { type Options, UsageError } from '../program/options.ts';

/** The contract's limit for scripts and for standard input. */
const LARGEST_INPUT_BYTES = 1024 * 1024;

/** Reads a file, or standard input for `-`. */
export type ReadInput = (path: string, flag: string, limitBytes: number) => Promise<Uint8Array>;

/** Builds it of the command line. Throws UsageError. */
export async function jobSpecOf(words: readonly string[], options: Options, read: ReadInput): Promise<JobSpec> {
  const scriptPath = options.text('script');
  const stdinPath = options.text('stdin');
  if (scriptPath === '-' && stdinPath === '-') throw new UsageError('--script and --stdin can not both be read from -');
  const workload = await workloadOf(words, scriptPath, options, read);
  const stdin = stdinPath === undefined ? undefined : await read(stdinPath, '--stdin', LARGEST_INPUT_BYTES);
  const graceMs = options.durationMs('grace');
  return create(JobSpecSchema, {
    name: options.text('name') ?? '',
    workload,
    placement: placementOf(options),
    timeouts: timeoutsOf(options),
    ...(graceMs === undefined ? {} : { stop: { grace: durationFromMs(graceMs) } }),
    env: parseEnv(options.texts('env')),
    workingDirectory: workingDirectory(options),
    ...(stdin === undefined ? {} : { stdin }),
  });
}

async function workloadOf(
  words: readonly string[],
  scriptPath: string | undefined,
  options: Options,
  read: ReadInput,
): Promise<MessageInitShape<typeof WorkloadSchema>> {
  const interpreter = options.text('interpreter');
  if (scriptPath === undefined) {
    if (interpreter !== undefined) throw new UsageError('--interpreter is for scripts: give --script FILE too');
    if (words.length === 0) throw new UsageError('nothing to run: give a program after --, or --script FILE');
    return { kind: { case: 'process', value: { argv: [...words] } } };
  }
  const bytes = await read(scriptPath, '--script', LARGEST_INPUT_BYTES);
  const content = utf8(bytes);
  if (content === undefined) throw new UsageError(`--script: ${scriptPath} is not text in UTF-8`);
  return { kind: { case: 'script', value: { content, interpreter: interpreter ?? '', args: [...words] } } };
}

function placementOf(options: Options): MessageInitShape<typeof PlacementSchema> {
  const nodes = options.texts('node');
  // Naming several nodes means each of them: nobody lists machines to have one picked.
  const isEvery = options.isOn('all') || nodes.length > 1;
  return {
    count: isEvery ? { case: 'everyNode', value: {} } : { case: 'any', value: {} },
    selector: { matchLabels: parseLabels(options.texts('label')) },
    nodes: [...nodes],
  };
}

function timeoutsOf(options: Options): {
  queue?: ReturnType<typeof durationFromMs>;
  run?: ReturnType<typeof durationFromMs>;
} {
  const queueMs = options.durationMs('queueTimeout');
  const runMs = options.durationMs('timeout');
  return {
    ...(queueMs === undefined ? {} : { queue: durationFromMs(queueMs) }),
    ...(runMs === undefined ? {} : { run: durationFromMs(runMs) }),
  };
}

function workingDirectory(options: Options): string {
  const path = options.text('cwd');
  if (path !== undefined && !path.startsWith('/')) {
    throw new UsageError(`--cwd: ${JSON.stringify(path)} is not an absolute path on the node`);
  }
  return path ?? '';
}

function utf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
