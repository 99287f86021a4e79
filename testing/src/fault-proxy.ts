/**
 * A TCP proxy between the two ends under test that does what networks do: delay, cut, fall silent in one direction or both.
 */
import { connect, createServer, type Server, type Socket } from 'node:net';

/** From the one who connects to the target, or back. */
export type Direction = 'up' | 'down';

/** The proxy; `await using` ends it. */
export interface FaultProxy extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  /** HOST:PORT of the proxy. */
  readonly address: string;
  /** Connections open now. */
  readonly connections: number;
  /** Connections accepted so far. */
  readonly accepted: number;
  /** Delays every byte from now on. 0 ends it. */
  setLatency(ms: number): void;
  /** Resets all connections (RST), as a dying machine's kernel does. New ones are taken. */
  cut(): void;
  /** Refuses new connections until called with false; those open go on. */
  refuse(refusing: boolean): void;
  /** Takes bytes no more (backpressure reaches the senders), connections stay open, until `resume`. */
  stall(direction?: Direction): void;
  /** Takes bytes and drops them: the link is dead and nobody is told. Only new connections work after `resume`. */
  blackhole(direction?: Direction): void;
  /** Ends `stall` and `blackhole` for both directions. */
  resume(): void;
  /** Resets each connection once this many bytes have passed it in this direction, counted from its start. */
  resetAfterBytes(direction: Direction, bytes: number | undefined): void;
}

type Flow = 'flowing' | 'stalled' | 'dropped';

/** What the proxy does at present; all connections read it. */
interface Weather {
  latencyMs: number;
  refusing: boolean;
  readonly flow: Record<Direction, Flow>;
  readonly resetAfter: Record<Direction, number | undefined>;
}

interface Link {
  readonly pipes: readonly Pipe[];
  readonly reset: () => void;
}

/** Listens on a free port of 127.0.0.1 and connects each client to `target`. */
export async function faultProxy(target: { readonly host?: string; readonly port: number }): Promise<FaultProxy> {
  const weather: Weather = {
    latencyMs: 0,
    refusing: false,
    flow: { up: 'flowing', down: 'flowing' },
    resetAfter: { up: undefined, down: undefined },
  };
  const links = new Set<Link>();
  let accepted = 0;
  const server = createServer({ allowHalfOpen: true }, (client) => {
    if (weather.refusing) {
      client.resetAndDestroy();
      return;
    }
    accepted += 1;
    const link = joinSockets(
      client,
      connect({ host: target.host ?? '127.0.0.1', port: target.port, allowHalfOpen: true }),
      weather,
    );
    links.add(link);
    client.once('close', () => links.delete(link));
  });
  const port = await listen(server);
  const setFlow = (direction: Direction | undefined, flow: Flow): void => {
    if (direction !== 'down') weather.flow.up = flow;
    if (direction !== 'up') weather.flow.down = flow;
    for (const link of links) for (const pipe of link.pipes) pipe.look();
  };
  const cut = (): void => {
    for (const link of links) link.reset();
  };
  return {
    host: '127.0.0.1',
    port,
    address: `127.0.0.1:${port}`,
    get connections() {
      return links.size;
    },
    get accepted() {
      return accepted;
    },
    setLatency: (ms) => {
      weather.latencyMs = ms;
    },
    cut,
    refuse: (refusing) => {
      weather.refusing = refusing;
    },
    stall: (direction) => setFlow(direction, 'stalled'),
    blackhole: (direction) => setFlow(direction, 'dropped'),
    resume: () => setFlow(undefined, 'flowing'),
    resetAfterBytes: (direction, bytes) => {
      weather.resetAfter[direction] = bytes;
    },
    [Symbol.asyncDispose]: () => closeAll(server, cut),
  };
}

function listen(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      if (typeof address === 'object' && address !== null) resolve(address.port);
      else reject(new Error('the proxy has no port'));
    });
  });
}

function closeAll(server: Server, cut: () => void): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    cut();
  });
}

function joinSockets(client: Socket, target: Socket, weather: Weather): Link {
  const reset = (): void => {
    client.resetAndDestroy();
    target.resetAndDestroy();
  };
  for (const socket of [client, target]) {
    socket.setNoDelay(true);
    // A broken side breaks the other: that is the proxy's purpose, not a failure of its own.
    socket.on('error', reset);
    socket.once('close', () => {
      client.destroy();
      target.destroy();
    });
  }
  return {
    pipes: [new Pipe(client, target, 'up', weather, reset), new Pipe(target, client, 'down', weather, reset)],
    reset,
  };
}

/** One direction of one connection. Latency keeps the order: each piece waits behind the one before. */
class Pipe {
  readonly #from: Socket;
  readonly #direction: Direction;
  readonly #weather: Weather;
  #passedBytes = 0;
  #dead = false;
  #pending = 0;

  constructor(from: Socket, to: Socket, direction: Direction, weather: Weather, reset: () => void) {
    this.#from = from;
    this.#direction = direction;
    this.#weather = weather;
    from.on('data', (piece: Buffer) => this.#take(piece, to, reset));
    from.on('end', () => {
      if (!this.#dead) this.#later(() => to.end());
    });
    to.on('drain', () => this.look());
    this.look();
  }

  /** Takes up the present weather. */
  look(): void {
    const flow = this.#weather.flow[this.#direction];
    if (flow === 'dropped') this.#dead = true;
    if (flow === 'stalled' && !this.#dead) this.#from.pause();
    else this.#from.resume();
  }

  #take(piece: Buffer, to: Socket, reset: () => void): void {
    if (this.#dead) return;
    this.#passedBytes += piece.byteLength;
    this.#later(() => {
      if (to.destroyed) return;
      if (!to.write(piece)) this.#from.pause();
    });
    const limit = this.#weather.resetAfter[this.#direction];
    if (limit !== undefined && this.#passedBytes >= limit) reset();
  }

  #later(act: () => void): void {
    if (this.#weather.latencyMs === 0 && this.#pending === 0) {
      act();
      return;
    }
    this.#pending += 1;
    // Equal delays fire in the order they were set; a shortened one waits for those before it.
    setTimeout(() => {
      this.#pending -= 1;
      act();
    }, this.#weather.latencyMs);
  }
}
