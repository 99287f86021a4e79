/** A program of a benchmark in a process of its own, so that it has a core's worth of its own. Lines of JSON both ways, in order. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** A child and what it says. Disposing ends it by its pid. */
export class ChildProgram implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  /** Starts a file of this folder, `name` without its extension. What it prints to stderr is shown. */
  constructor(name: string) {
    // Built and source files alike: the child runs as what we run as.
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
    const path = fileURLToPath(new URL(`./${name}.${extension}`, import.meta.url));
    this.#child = spawn(process.execPath, [...process.execArgv, path], { stdio: ['pipe', 'pipe', 'inherit'] });
    const { stdin, stdout } = this.#child;
    if (stdin === null || stdout === null) throw new Error(`${name} has no pipes`);
    // It ended before it read us: its missing answer says so.
    stdin.on('error', () => undefined);
    this.#lines = createInterface({ input: stdout })[Symbol.asyncIterator]();
  }

  /** Sends a request and waits for its answer. @throws Error where the child ended first */
  async ask(request: unknown): Promise<unknown> {
    this.#child.stdin?.write(`${JSON.stringify(request)}\n`);
    const answer = await this.#lines.next();
    if (answer.done === true) throw new Error('a program of the benchmark ended before it answered; see stderr');
    return JSON.parse(answer.value);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exit = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exit;
  }
}

/** The child's side: answers each request in turn, until its parent is gone. */
export async function answerRequests(answer: (request: Fields) => Promise<unknown>): Promise<void> {
  for await (const line of createInterface({ input: process.stdin })) {
    process.stdout.write(`${JSON.stringify(await answer(new Fields(JSON.parse(line))))}\n`);
  }
}

/** Reads a JSON object whose shape the other side promised. Throws TypeError naming the field that is not there. */
export class Fields {
  readonly #fields: ReadonlyMap<string, unknown>;

  constructor(value: unknown) {
    this.#fields = new Map(Object.entries(typeof value === 'object' && value !== null ? value : {}));
  }

  text(name: string): string {
    const value = this.#fields.get(name);
    if (typeof value !== 'string') throw new TypeError(`${name} is no text`);
    return value;
  }

  number(name: string): number {
    const value = this.#fields.get(name);
    if (typeof value !== 'number') throw new TypeError(`${name} is no number`);
    return value;
  }
}
