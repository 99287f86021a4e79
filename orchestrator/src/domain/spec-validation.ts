// What a JobSpec must be, checked once at submission. Limits are those that job_spec.proto and workload.proto state.
// Two answers: what is wrong (INVALID_ARGUMENT), and what is right but not yet possible (UNIMPLEMENTED, spec-support.ts).
import { type Duration, durationMs } from '@bufbuild/protobuf/wkt';
import type { JobSpec } from '@muster/gen/muster/job/v1/job_spec_pb';
import type { Process, Script } from '@muster/gen/muster/job/v1/workload_pb';
import type { Problem } from './problem.ts';
import { labelProblems, selectorProblems } from './selector.ts';
import { isKnownSignal } from './stop-signal.ts';

/** 1 MiB: scripts, standard input and the whole of argv. */
const ONE_MIB = 1024 * 1024;
/** A frame has at most 4 MiB (P7), and a spec goes to its node in one: 64 KiB are left for what is around it. */
const LONGEST_SPEC_BYTES = 4 * ONE_MIB - 64 * 1024;
/** Linux takes no longer argument or environment string (MAX_ARG_STRLEN, 32 pages of 4 KiB). */
const LONGEST_ARGUMENT_BYTES = 128 * 1024;
const MOST_ENV_VARIABLES = 1000;
const LONGEST_ENV_BYTES = 64 * 1024;
const LONGEST_NAME = 128;
const HIGHEST_PRIORITY = 100;
const SECOND_MS = 1000;
const LONGEST_TIMEOUT_MS = 30 * 24 * 60 * 60 * SECOND_MS;
const LONGEST_GRACE_MS = 60 * 60 * SECOND_MS;
/** Letters, digits and the like of any language, no controls, no direction marks: names are shown in terminals and pages. */
const PRINTABLE = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]+$/u;
const INTERPRETER_NAME = /^[A-Za-z0-9._+-]{1,63}$/;

/**
 * Everything that is wrong with a spec; empty when it is well formed.
 * @param encodedBytes its size as it goes to its node
 * @param at its path
 */
export function specProblems(spec: JobSpec, encodedBytes: number, at = 'spec'): readonly Problem[] {
  return [
    ...sizeProblems(encodedBytes, at),
    ...nameProblems(spec, at),
    ...workloadProblems(spec, `${at}.workload`),
    ...labelProblems(spec.labels, `${at}.labels`),
    ...placementProblems(spec, `${at}.placement`),
    ...environmentProblems(spec.env, `${at}.env`),
    ...directoryProblems(spec.workingDirectory, `${at}.working_directory`),
    ...(spec.stdin.byteLength > ONE_MIB
      ? [{ field: `${at}.stdin`, message: 'longer than 1 MiB; put it where the node can fetch it' }]
      : []),
    ...timeProblems(spec, at),
    ...(spec.priority !== undefined && spec.priority > HIGHEST_PRIORITY
      ? [{ field: `${at}.priority`, message: `${spec.priority} is over 100` }]
      : []),
  ];
}

function sizeProblems(sizeBytes: number, at: string): Problem[] {
  if (sizeBytes <= LONGEST_SPEC_BYTES) return [];
  return [
    {
      field: at,
      message: `${sizeBytes} bytes; at most ${LONGEST_SPEC_BYTES}: put large data where the node can fetch it`,
    },
  ];
}

function nameProblems(spec: JobSpec, at: string): Problem[] {
  if (spec.name === '') return [];
  if (spec.name.length <= LONGEST_NAME && PRINTABLE.test(spec.name)) return [];
  return [{ field: `${at}.name`, message: `must be 1 to ${LONGEST_NAME} printable characters` }];
}

function workloadProblems(spec: JobSpec, at: string): readonly Problem[] {
  const kind = spec.workload?.kind;
  switch (kind?.case) {
    case 'script':
      return scriptProblems(kind.value, `${at}.script`);
    case 'process':
      return argvProblems(kind.value, `${at}.process.argv`);
    case 'container':
    case 'modelServer':
      return [];
    default:
      return [{ field: at, message: 'missing; give a script or a process' }];
  }
}

function scriptProblems(script: Script, at: string): Problem[] {
  const problems: Problem[] = [];
  if (script.content === '') problems.push({ field: `${at}.content`, message: 'empty; give the text of the script' });
  if (Buffer.byteLength(script.content) > ONE_MIB) {
    problems.push({ field: `${at}.content`, message: 'longer than 1 MiB; fetch large data from inside the script' });
  }
  if (script.content.includes('\0')) problems.push({ field: `${at}.content`, message: 'contains a NUL byte' });
  const absolute = script.interpreter.startsWith('/');
  if (script.interpreter !== '' && !absolute && !INTERPRETER_NAME.test(script.interpreter)) {
    problems.push({
      field: `${at}.interpreter`,
      message: 'must be a name such as "bash" or an absolute path; its arguments go into interpreter_args',
    });
  }
  if (absolute) problems.push(...nulProblems([script.interpreter], `${at}.interpreter`));
  problems.push(...argumentProblems(script.interpreterArgs, `${at}.interpreter_args`));
  problems.push(...argumentProblems(script.args, `${at}.args`));
  return problems;
}

function argvProblems(process: Process, at: string): Problem[] {
  if (process.argv.length === 0) return [{ field: at, message: 'empty; give the program and its arguments' }];
  const problems = argumentProblems(process.argv, at);
  if (process.argv[0] === '')
    problems.push({ field: `${at}[0]`, message: 'empty; give the name or path of a program' });
  return problems;
}

function argumentProblems(args: readonly string[], at: string): Problem[] {
  const problems = nulProblems(args, at);
  let totalBytes = 0;
  for (const [index, argument] of args.entries()) {
    const sizeBytes = Buffer.byteLength(argument) + 1;
    totalBytes += sizeBytes;
    if (sizeBytes > LONGEST_ARGUMENT_BYTES) {
      problems.push({ field: `${at}[${index}]`, message: 'longer than 128 KiB; pass it by standard input' });
    }
  }
  if (totalBytes > ONE_MIB) problems.push({ field: at, message: 'longer than 1 MiB together' });
  return problems;
}

function nulProblems(texts: readonly string[], at: string): Problem[] {
  return [...texts.entries()]
    .filter(([, text]) => text.includes('\0'))
    .map(([index]) => ({ field: `${at}[${index}]`, message: 'contains a NUL byte' }));
}

function placementProblems(spec: JobSpec, at: string): Problem[] {
  const placement = spec.placement;
  if (placement === undefined) return [];
  const problems: Problem[] = [];
  if (placement.selector !== undefined) problems.push(...selectorProblems(placement.selector, `${at}.selector`));
  for (const [index, node] of placement.nodes.entries()) {
    if (node === '') problems.push({ field: `${at}.nodes[${index}]`, message: 'empty; give the id or name of a node' });
  }
  if (placement.count.case === 'replicas' && placement.count.value.count === 0) {
    problems.push({ field: `${at}.replicas.count`, message: 'must be at least 1' });
  }
  return problems;
}

function environmentProblems(env: Readonly<Record<string, string>>, at: string): Problem[] {
  const entries = Object.entries(env);
  const problems: Problem[] = [];
  if (entries.length > MOST_ENV_VARIABLES) {
    problems.push({ field: at, message: `${entries.length} variables; at most ${MOST_ENV_VARIABLES}` });
  }
  for (const [name, value] of entries) {
    // The value is never shown: people put secrets there although they should not.
    const field = `${at}[${JSON.stringify(name.slice(0, 64))}]`;
    if (name === '') problems.push({ field, message: 'a name is empty' });
    if (name.includes('=')) problems.push({ field, message: 'a name can not contain "="' });
    if (name.includes('\0') || value.includes('\0')) problems.push({ field, message: 'contains a NUL byte' });
    if (Buffer.byteLength(name) + Buffer.byteLength(value) > LONGEST_ENV_BYTES) {
      problems.push({ field, message: 'longer than 64 KiB; pass it by standard input or a file' });
    }
    if (name.startsWith('MUSTER_')) {
      problems.push({ field, message: 'names that begin with MUSTER_ are set by Muster; choose another' });
    }
  }
  return problems;
}

function directoryProblems(directory: string, field: string): Problem[] {
  if (directory === '') return [];
  if (directory.includes('\0')) return [{ field, message: 'contains a NUL byte' }];
  if (!directory.startsWith('/'))
    return [{ field, message: 'must be an absolute path; the node has no other to begin from' }];
  return [];
}

function timeProblems(spec: JobSpec, at: string): Problem[] {
  const timeouts = spec.timeouts;
  return [
    ...durationProblems(timeouts?.queue, `${at}.timeouts.queue`, SECOND_MS, LONGEST_TIMEOUT_MS),
    ...durationProblems(timeouts?.start, `${at}.timeouts.start`, SECOND_MS, LONGEST_TIMEOUT_MS),
    ...durationProblems(timeouts?.run, `${at}.timeouts.run`, 1, LONGEST_TIMEOUT_MS),
    ...durationProblems(spec.stop?.grace, `${at}.stop.grace`, 0, LONGEST_GRACE_MS),
    ...(spec.stop !== undefined && spec.stop.signal !== '' && !isKnownSignal(spec.stop.signal)
      ? [
          {
            field: `${at}.stop.signal`,
            message: `${JSON.stringify(spec.stop.signal.slice(0, 32))} is not a signal; one is "SIGTERM"`,
          },
        ]
      : []),
  ];
}

function durationProblems(duration: Duration | undefined, field: string, leastMs: number, mostMs: number): Problem[] {
  if (duration === undefined) return [];
  const ms = durationMs(duration);
  if (Number.isFinite(ms) && ms >= leastMs && ms <= mostMs) return [];
  return [{ field, message: `must be ${leastMs} ms to ${mostMs / SECOND_MS} s; leave it out for no limit` }];
}
