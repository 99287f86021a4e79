/**
 * Where the control door is and who we are to it: from flags, the environment and a file, in this order, each setting
 * on its own. The only file of the command that reads the environment. What is missing is told in one error that
 * teaches every way to set it; secrets are never shown.
 */
import { readFile, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { AppError, errnoOf } from '@muster/common/errors/app-error';

/** What the flags of a command said; absent: not given. */
export interface ConnectionFlags {
  readonly url?: string;
  readonly tokenFile?: string;
  readonly caFile?: string;
  readonly config?: string;
}

/** All that is needed to call the control door. */
export interface ConnectionSettings {
  /** Origin, `https://host:port`. */
  readonly url: string;
  /** The bearer token. A secret. */
  readonly token: string;
  /** Authorities to trust, PEM. Undefined: the system's. */
  readonly caPem: string | undefined;
}

/** Variables of the environment. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The environment of this process. */
export function processEnvironment(): Environment {
  return process.env;
}

/** Whether colours are wanted on a terminal (https://no-color.org). */
export function wantsColors(env: Environment): boolean {
  return (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb';
}

/** The file that is read unless --config names another. */
function defaultConfigPath(env: Environment): string {
  const base = env['XDG_CONFIG_HOME'];
  const home = env['HOME'] ?? homedir();
  return join(base === undefined || base === '' ? join(home, '.config') : base, 'muster', 'config.yaml');
}

/**
 * The settings.
 * @throws AppError invalid_argument for all that is missing or wrong at once; not_found for a named file that is not there
 */
export async function loadSettings(flags: ConnectionFlags, env: Environment): Promise<ConnectionSettings> {
  const path = flags.config ?? defaultConfigPath(env);
  const file = await readConfigFile(path, flags.config !== undefined);
  const problems: string[] = [];
  const url = checkedUrl(flags.url ?? set(env['MUSTER_URL']) ?? file.url, problems);
  const caFile = flags.caFile ?? set(env['MUSTER_CA_FILE']) ?? file.ca_file;
  const caPem = caFile === undefined ? undefined : await readCa(caFile, problems);
  const token = await readToken(flags, env, file, problems);
  if (url !== undefined && token !== undefined && problems.length === 0) return { url, token, caPem };
  throw new AppError('invalid_argument', problems.length === 0 ? 'incomplete settings' : problems.join('; '));
}

const FILE_KEYS = ['url', 'token_file', 'ca_file'] as const;
type FileSettings = Partial<Record<(typeof FILE_KEYS)[number], string>>;

async function readConfigFile(path: string, isNamed: boolean): Promise<FileSettings> {
  const text = await readText(path, isNamed);
  if (text === undefined) return {};
  // Only now: without a file the parser's 50 ms are saved.
  const { parse } = await import('yaml');
  let content: unknown;
  try {
    content = parse(text);
  } catch (error) {
    throw new AppError('invalid_argument', `not YAML: ${firstLine(error)}`, { field: path, cause: error });
  }
  return checkedFile(path, content);
}

function checkedFile(path: string, content: unknown): FileSettings {
  if (content === null || content === undefined) return {};
  if (typeof content !== 'object' || Array.isArray(content)) {
    throw new AppError('invalid_argument', `expected lines such as "url: https://HOST:PORT"`, { field: path });
  }
  const unknown = Object.keys(content).filter((key) => !FILE_KEYS.some((known) => known === key));
  if (unknown.length > 0) {
    throw new AppError('invalid_argument', `unknown ${unknown.join(', ')}; known are ${FILE_KEYS.join(', ')}`, {
      field: path,
    });
  }
  const settings: FileSettings = {};
  for (const key of FILE_KEYS) {
    const value: unknown = Reflect.get(content, key);
    if (value === undefined || value === null) continue;
    if (typeof value !== 'string') throw new AppError('invalid_argument', `${key} must be text`, { field: path });
    // Paths are relative to the file, so that a folder of settings can be moved.
    settings[key] = key === 'url' ? value : resolve(dirname(path), value);
  }
  return settings;
}

function checkedUrl(text: string | undefined, problems: string[]): string | undefined {
  if (text === undefined) {
    problems.push(
      'no orchestrator is set: give --url https://HOST:PORT, or set MUSTER_URL, or write "url: https://HOST:PORT" ' +
        'into ~/.config/muster/config.yaml (the orchestrator writes its URL to endpoints.json in its data directory)',
    );
    return undefined;
  }
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'https:' || url.pathname !== '/' || url.search !== '' || url.username !== '') {
    // What stands before an @ may be a password.
    const shown = text.includes('@') ? 'what is set, with something before an @,' : JSON.stringify(text);
    problems.push(`${shown} is not the URL of an orchestrator: write https://HOST:PORT and nothing more`);
    return undefined;
  }
  return url.origin;
}

async function readToken(
  flags: ConnectionFlags,
  env: Environment,
  file: FileSettings,
  problems: string[],
): Promise<string | undefined> {
  const inline = flags.tokenFile === undefined ? set(env['MUSTER_TOKEN']) : undefined;
  const path = flags.tokenFile ?? set(env['MUSTER_TOKEN_FILE']) ?? file.token_file;
  if (inline === undefined && path === undefined) {
    problems.push(
      'no key is set: give --token-file FILE, or set MUSTER_TOKEN_FILE or MUSTER_TOKEN, or write "token_file: FILE" into ' +
        "~/.config/muster/config.yaml (a new orchestrator's admin key is in the admin_token_file that endpoints.json names)",
    );
    return undefined;
  }
  const token = (inline ?? (await readNamed(path, 'the key', problems)))?.trim();
  if (token === undefined) return undefined;
  // What may stand in an HTTP header; anything else is the wrong file.
  if (/^[\x21-\x7e]+$/.test(token)) return token;
  problems.push(
    `${inline === undefined ? path : 'MUSTER_TOKEN'} holds no key: expected one line of printable characters`,
  );
  return undefined;
}

async function readCa(path: string, problems: string[]): Promise<string | undefined> {
  const text = await readNamed(path, 'the CA certificate', problems);
  if (text === undefined || text.includes('-----BEGIN CERTIFICATE-----')) return text;
  problems.push(`${path} holds no CA certificate: expected PEM, beginning with "-----BEGIN CERTIFICATE-----"`);
  return undefined;
}

async function readNamed(path: string | undefined, what: string, problems: string[]): Promise<string | undefined> {
  if (path === undefined) return undefined;
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    problems.push(`cannot read ${what} from ${path}: ${errnoOf(error) ?? 'unknown reason'}`);
    return undefined;
  }
}

async function readText(path: string, isNamed: boolean): Promise<string | undefined> {
  try {
    if (!isNamed && !(await stat(path)).isFile()) return undefined;
    return await readFile(path, 'utf8');
  } catch (error) {
    const errno = errnoOf(error);
    if (!isNamed && (errno === 'ENOENT' || errno === 'ENOTDIR')) return undefined;
    throw new AppError('not_found', `cannot read the configuration: ${errno ?? 'unknown reason'}`, {
      field: path,
      cause: error,
    });
  }
}

/** An empty variable counts as unset. */
function set(value: string | undefined): string | undefined {
  return value === '' ? undefined : value;
}

function firstLine(error: unknown): string {
  return error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
}
