/**
 * A process with some hundreds of simulated agents. Its parent asks: enrol them, then open their sessions, then how many
 * heartbeats were answered. A session that is lost is a fault of the run: it is printed, and counted.
 */
import { randomUUID } from 'node:crypto';
import { answerRequests, type Fields } from '../child-program.ts';
import { openSession } from './grpc-over-http2.ts';
import { type AgentIdentity, enrol, SimulatedAgent } from './simulated-agent.ts';

/** As many handshakes or enrolments under way per process: enough to keep the orchestrator busy, few enough to time out none. */
const AT_ONCE = 8;
/** Agents behind one address: the orchestrator lets twenty enrol from one address at once. */
const SITE_AGENTS = 20;

interface Site {
  readonly localAddress: string;
  readonly agents: number;
}

let identities: readonly AgentIdentity[] = [];
let agents: readonly SimulatedAgent[] = [];
let lost = 0;

await answerRequests(async (request) => {
  switch (request.text('kind')) {
    case 'enrol':
      identities = await enrolAll(request);
      return { enrolled: identities.length };
    case 'open':
      agents = await inTurns(identities, openOne);
      return { open: agents.length };
    default:
      return { lost, heartbeats: agents.reduce((sum, agent) => sum + agent.heartbeatsAnswered, 0) };
  }
});

async function enrolAll(request: Fields): Promise<readonly AgentIdentity[]> {
  const count = request.number('count');
  const sites = Array.from({ length: Math.ceil(count / SITE_AGENTS) }, (_, index) => ({
    localAddress: `127.1.${request.number('network')}.${index + 1}`,
    agents: Math.min(SITE_AGENTS, count - index * SITE_AGENTS),
  }));
  return (await inTurns(sites, (site) => enrolSite(request, site))).flat();
}

async function enrolSite(request: Fields, site: Site): Promise<readonly AgentIdentity[]> {
  const { localAddress } = site;
  const control = await openSession(request.text('controlUrl'), { ca: request.text('caPem'), localAddress });
  const enrolled: AgentIdentity[] = [];
  for (let index = 0; index < site.agents; index += 1) {
    const name = `sim-${localAddress}-${index}`;
    enrolled.push(await enrol(control, { joinToken: request.text('joinToken'), name, localAddress }));
  }
  control.close();
  return enrolled;
}

async function openOne(identity: AgentIdentity): Promise<SimulatedAgent> {
  const agent = new SimulatedAgent();
  await agent.open(identity, randomUUID(), (reason) => {
    lost += 1;
    process.stderr.write(`fleet: lost ${reason}\n`);
  });
  return agent;
}

async function inTurns<In, Out>(items: readonly In[], one: (item: In) => Promise<Out>): Promise<readonly Out[]> {
  const results: Out[] = [];
  const waiting = [...items];
  const worker = async (): Promise<void> => {
    for (let item = waiting.pop(); item !== undefined; item = waiting.pop()) results.push(await one(item));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return results;
}
