/**
 * A real orchestrator and real agents on loopback, with a client. Everything lives below one directory; disposing ends the programs and
 * leaves the directory to its owner.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Client, createClient, type Interceptor } from '@connectrpc/connect';
import { createGrpcTransport, type GrpcTransportOptions, Http2SessionManager } from '@connectrpc/connect-node';
import { readEarly } from '@muster/common/http2/early-reading';
import { AccessService } from '@muster/gen/muster/control/v1/access_service_pb';
import { JobService } from '@muster/gen/muster/control/v1/job_service_pb';
import { NodeService } from '@muster/gen/muster/control/v1/node_service_pb';
import { NodeState } from '@muster/gen/muster/node/v1/node_pb';
import { eventually } from '../eventually.ts';
import { type CommandResult, runMuster } from './command.ts';
import { RunningProgram } from './program.ts';

/** What an orchestrator writes when it is ready. */
export interface Endpoints {
  readonly agent_address: string;
  readonly control_url: string;
  readonly ca_file: string;
  readonly admin_token_file: string;
}

/** How a cluster is made. */
export interface ClusterOptions {
  /** Where everything lives. */
  readonly directory: string;
  /** More arguments of the orchestrator. */
  readonly orchestratorArgs?: readonly string[];
}

/** A start takes half a second; a busy machine may take long for it, and a loop of restarts meets a backoff. */
const STARTING = { withinMs: 30_000, everyMs: 10 };

/** A cluster that runs. */
export class RealCluster implements AsyncDisposable {
  readonly directory: string;
  readonly #options: ClusterOptions;
  readonly #agents = new Map<string, RunningProgram>();
  #orchestrator: RunningProgram | undefined;
  #endpoints: Endpoints | undefined;

  private constructor(options: ClusterOptions) {
    this.directory = options.directory;
    this.#options = options;
  }

  /** Starts an orchestrator on free ports and waits until it is ready. */
  static async start(options: ClusterOptions): Promise<RealCluster> {
    const cluster = new RealCluster(options);
    await cluster.startOrchestrator();
    return cluster;
  }

  get endpoints(): Endpoints {
    if (this.#endpoints === undefined) throw new Error('the orchestrator is not ready');
    return this.#endpoints;
  }

  get orchestrator(): RunningProgram {
    if (this.#orchestrator === undefined) throw new Error('there is no orchestrator');
    return this.#orchestrator;
  }

  /** An agent by its name. */
  agent(name: string): RunningProgram {
    const agent = this.#agents.get(name);
    if (agent === undefined) throw new Error(`there is no agent ${name}`);
    return agent;
  }

  get dataDirectory(): string {
    return join(this.directory, 'orchestrator');
  }

  /** Where an agent keeps its state. */
  stateDirectory(name: string): string {
    return join(this.directory, name);
  }

  /** Starts the orchestrator, again on the ports it had before. */
  async startOrchestrator(): Promise<void> {
    const before = this.#endpoints;
    const endpointsFile = join(this.dataDirectory, 'endpoints.json');
    mkdirSync(this.dataDirectory, { recursive: true });
    rmSync(endpointsFile, { force: true });
    const agentListen = before?.agent_address ?? '127.0.0.1:0';
    const controlListen = before === undefined ? '127.0.0.1:0' : new URL(before.control_url).host;
    const args = ['--data-dir', this.dataDirectory, '--agent-listen', agentListen, '--control-listen', controlListen];
    const program = new RunningProgram(
      'muster-orchestrator',
      [...args, ...(this.#options.orchestratorArgs ?? [])],
      join(this.directory, 'orchestrator.log'),
    );
    this.#orchestrator = program;
    await eventually(() => {
      if (!program.running) throw new Error(`the orchestrator ended:\n${program.output().slice(-4000)}`);
      return existsSync(endpointsFile);
    }, STARTING);
    const endpoints: Endpoints = JSON.parse(readFileSync(endpointsFile, 'utf8'));
    this.#endpoints = endpoints;
  }

  /** Starts an agent; enrols it first where its state directory is new. Waits until its node is online. */
  async startAgent(name: string, args: readonly string[] = []): Promise<RunningProgram> {
    const stateDirectory = this.stateDirectory(name);
    const join_ = existsSync(stateDirectory) ? [] : ['--join-token-file', await this.#joinTokenFile(name)];
    const program = new RunningProgram(
      'muster-agent',
      ['--state-dir', stateDirectory, '--name', name, '--cloud-metadata', 'off', ...join_, ...args],
      join(this.directory, `${name}.log`),
    );
    this.#agents.set(name, program);
    const nodes = this.nodes;
    await eventually(async () => {
      if (!program.running) throw new Error(`agent ${name} ended:\n${program.output().slice(-4000)}`);
      const { nodes: listed } = await nodes.listNodes({});
      return listed.some((node) => node.name === name && node.state === NodeState.ONLINE && node.address !== '');
    }, STARTING);
    return program;
  }

  /** The settings of the `muster` command, as the environment gives them. */
  get environment(): Record<string, string> {
    const { control_url, ca_file, admin_token_file } = this.endpoints;
    return { MUSTER_URL: control_url, MUSTER_CA_FILE: ca_file, MUSTER_TOKEN_FILE: admin_token_file };
  }

  /** Runs the `muster` command as an admin. */
  muster(args: readonly string[], input?: string | Uint8Array): Promise<CommandResult> {
    return runMuster(this.environment, args, input);
  }

  get adminToken(): string {
    return readFileSync(this.endpoints.admin_token_file, 'utf8').trim();
  }

  get jobs(): Client<typeof JobService> {
    return createClient(JobService, this.#transport());
  }

  get nodes(): Client<typeof NodeService> {
    return createClient(NodeService, this.#transport());
  }

  get access(): Client<typeof AccessService> {
    return createClient(AccessService, this.#transport());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#agents.values()].map((agent) => agent[Symbol.asyncDispose]()));
    await this.#orchestrator?.[Symbol.asyncDispose]();
  }

  async #joinTokenFile(name: string): Promise<string> {
    const { token } = await this.access.createJoinToken({});
    const path = join(this.directory, `${name}.token`);
    writeFileSync(path, token, { mode: 0o600 });
    return path;
  }

  #transport() {
    const token = this.adminToken;
    const withKey: Interceptor = (next) => (request) => {
      request.header.set('authorization', `Bearer ${token}`);
      return next(request);
    };
    const baseUrl = this.endpoints.control_url;
    const sessions = new Http2SessionManager(baseUrl, undefined, { ca: readFileSync(this.endpoints.ca_file) });
    return createGrpcTransport({ baseUrl, interceptors: [withKey], sessionManager: earlyReading(sessions) });
  }
}

/** A connection whose answers are read from the first. */
function earlyReading(inner: Http2SessionManager): NonNullable<GrpcTransportOptions['sessionManager']> {
  return {
    authority: inner.authority,
    notifyResponseByteRead: (stream) => inner.notifyResponseByteRead(stream),
    async request(method, path, headers, options) {
      const stream = await inner.request(method, path, headers, options);
      readEarly(stream);
      return stream;
    },
  };
}
