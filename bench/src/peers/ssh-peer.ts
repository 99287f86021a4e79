/**
 * ssh over a ControlMaster to a private sshd on loopback: own keys and configuration in a directory of the run, a port that
 * was free, both ended by pid. The loops that start ssh are shell: Node would add more than a millisecond to each start.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  accessSync,
  chmodSync,
  constants,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { userInfo } from 'node:os';
import { delimiter, join } from 'node:path';
import { eventually } from '@muster/testing/eventually';
import { runCommand } from '@muster/testing/real/command';

/** A private sshd with a connection that is open. */
export interface SshPeer extends AsyncDisposable {
  /** Milliseconds of each of `count` runs of `ssh peer true`, one after the other. */
  latenciesMs(count: number): Promise<readonly number[]>;
  /** Runs per second of `count` runs, `atOnce` at any time. */
  runsPerSecond(count: number, atOnce: number): Promise<number>;
}

/** Starts it. Where the machine has no sshd: says so on stderr and returns undefined. */
export async function startSshPeer(parent: string): Promise<SshPeer | undefined> {
  const sshd = findSshd();
  if (sshd === undefined) {
    process.stderr.write(
      'bench: SKIPPED: no sshd on this machine (install openssh-server), so nothing is compared with ssh\n',
    );
    return undefined;
  }
  await using stack = new AsyncDisposableStack();
  const directory = join(parent, 'ssh');
  mkdirSync(directory, { mode: 0o755 });
  const port = await freePort();
  await writeFiles(directory, port);
  const server = start(sshd, ['-D', '-e', '-f', join(directory, 'sshd_config')], directory);
  stack.defer(() => ended(server));
  const ssh = ['-F', join(directory, 'ssh_config'), '-S', join(directory, 'master')];
  await eventually(
    async () => (await runCommand('ssh', ['-F', join(directory, 'ssh_config'), 'peer', 'true'])).code === 0,
    {
      what: 'a login at the private sshd',
      everyMs: 100,
      withinMs: 10_000,
    },
  );
  const master = start('ssh', [...ssh, '-M', '-N', '-o', 'ControlPersist=no', 'peer'], directory);
  stack.defer(() => ended(master));
  await eventually(async () => (await runCommand('ssh', [...ssh, '-O', 'check', 'peer'])).code === 0, { everyMs: 50 });
  const owned = stack.move();
  return {
    latenciesMs: (count) => timedRuns(ssh, count),
    runsPerSecond: (count, atOnce) => runsAtOnce(ssh, count, atOnce),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

// EPOCHREALTIME is read without starting anything. The first argument is the number of runs.
const timedLoop = `
count=$1; shift
for ((i = 0; i < count; i++)); do
  before=$EPOCHREALTIME
  "$@" </dev/null || exit 1
  after=$EPOCHREALTIME
  echo "$before $after"
done`;

async function timedRuns(ssh: readonly string[], count: number): Promise<readonly number[]> {
  const { code, stdout, stderr } = await runCommand('bash', [
    '-c',
    timedLoop,
    'ssh-loop',
    String(count),
    'ssh',
    ...ssh,
    'peer',
    'true',
  ]);
  if (code !== 0) throw new Error(`ssh failed: ${stderr}`);
  return stdout
    .trim()
    .split('\n')
    .map((line) => {
      // Some locales write a decimal comma.
      const [before = Number.NaN, after = Number.NaN] = line.split(' ').map((text) => Number(text.replace(',', '.')));
      return (after - before) * 1000;
    });
}

async function runsAtOnce(ssh: readonly string[], count: number, atOnce: number): Promise<number> {
  const input = Array.from({ length: count }, () => 'true\n').join('');
  const startedMs = performance.now();
  const run = await runCommand('xargs', ['-P', String(atOnce), '-n', '1', 'ssh', '-n', ...ssh, 'peer'], { input });
  if (run.code !== 0) throw new Error(`ssh failed: ${run.stderr}`);
  return (count * 1000) / (performance.now() - startedMs);
}

function findSshd(): string | undefined {
  // sshd insists on being started by its absolute path, and users' PATH often lacks sbin.
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];
  return folders
    .map((folder) => join(folder, 'sshd'))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

async function writeFiles(directory: string, port: number): Promise<void> {
  const path = (name: string): string => join(directory, name);
  for (const key of ['host_key', 'user_key']) {
    const made = await runCommand('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', path(key)]);
    if (made.code !== 0) throw new Error(`ssh-keygen failed: ${made.stderr}`);
  }
  copyFileSync(path('user_key.pub'), path('authorized_keys'));
  chmodSync(path('authorized_keys'), 0o644);
  // Its separated process wants this directory, and only its service unit makes it.
  if (process.getuid?.() === 0 && !existsSync('/run/sshd')) mkdirSync('/run/sshd', { mode: 0o755 });
  writeFileSync(path('sshd_config'), sshdConfig(directory, port));
  writeFileSync(path('ssh_config'), sshConfig(directory, port));
}

// SHLVL: bash, started by sshd, reads the user's start-up file at the first level only; that file's cost is not ssh's.
function sshdConfig(directory: string, port: number): string {
  return `Port ${port}
ListenAddress 127.0.0.1
HostKey ${directory}/host_key
PidFile none
AuthorizedKeysFile ${directory}/authorized_keys
StrictModes no
UsePAM no
UseDNS no
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
PrintMotd no
PrintLastLog no
MaxSessions 200
SetEnv SHLVL=2
LogLevel ERROR
`;
}

function sshConfig(directory: string, port: number): string {
  return `Host peer
  HostName 127.0.0.1
  Port ${port}
  User ${userInfo().username}
  IdentityFile ${directory}/user_key
  IdentitiesOnly yes
  UserKnownHostsFile ${directory}/known_hosts
  StrictHostKeyChecking accept-new
  BatchMode yes
  LogLevel ERROR
`;
}

function start(program: string, args: readonly string[], directory: string): ChildProcess {
  const log = openSync(join(directory, 'log'), 'a');
  return spawn(program, [...args], { stdio: ['ignore', log, log] });
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  await exit;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  if (address === null || typeof address === 'string') throw new Error('no free port on loopback');
  return address.port;
}
