/** A command's outside world for tests: what it wrote can be read, and Ctrl-C is a call. */
import type { Clock } from '@muster/common/clock/clock';
import { systemClock } from '@muster/common/clock/clock';
import { seededRandom } from '@muster/common/random/random';
import { openControlDoor } from '../client/control-door.ts';
import type { FakeControlDoor } from '../client/fake-control-door.fixture.ts';
import type { CommandContext } from '../context.ts';
import { type Output, OutputClosed } from '../output/output.ts';

/** An output that keeps what was written. */
export class KeptOutput implements Output {
  readonly isTerminal: boolean;
  readonly hasColors: boolean;
  /** True: its reader is gone. */
  isClosed = false;
  /** Resolves when its reader reads on; undefined: it reads. */
  standstill: Promise<void> | undefined;
  readonly #chunks: Uint8Array[] = [];

  constructor(isTerminal: boolean, hasColors = false) {
    this.isTerminal = isTerminal;
    this.hasColors = hasColors;
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  get text(): string {
    return this.bytes.toString();
  }

  async write(bytes: Uint8Array | string): Promise<void> {
    if (this.isClosed) throw new OutputClosed();
    this.#chunks.push(Buffer.from(bytes));
    await this.standstill;
  }
}

/** The world of one command. */
export interface FakeContext extends CommandContext {
  readonly stdout: KeptOutput;
  readonly stderr: KeptOutput;
  /** Presses Ctrl-C. */
  interrupt(): void;
}

/** Options of a fake world. */
export interface FakeContextOptions {
  readonly isTerminal?: boolean;
  readonly clock?: Clock;
  readonly stdin?: string;
}

/** A world whose control door is the given one. */
export function fakeContext(door: FakeControlDoor, options: FakeContextOptions = {}): FakeContext {
  const ending = new AbortController();
  const listeners = new Set<() => void>();
  return {
    stdout: new KeptOutput(options.isTerminal === true),
    stderr: new KeptOutput(options.isTerminal === true),
    readStdin: async () => Buffer.from(options.stdin ?? ''),
    clock: options.clock ?? systemClock,
    random: seededRandom(1),
    env: {},
    signal: ending.signal,
    interrupts: {
      listen(listener) {
        listeners.add(listener);
        return { [Symbol.dispose]: () => listeners.delete(listener) };
      },
    },
    open: async () => openControlDoor({ url: door.url, token: 'test-key', caPem: door.caPem }),
    interrupt() {
      if (listeners.size === 0) ending.abort();
      for (const listener of [...listeners]) listener();
    },
  };
}
