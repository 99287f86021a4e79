/**
 * Runs the benchmarks one after the other: `node bench/dist/bench.js [--quick] [NAME…]`. Prints one JSON line that says where
 * and with what, one JSON line per figure, and a table. A goal that is missed is said and changes nothing of the exit
 * code: machines differ, and a timed assertion would only teach to ignore it. Exit code 1: a benchmark could not run.
 */
import { measureAgentMemory } from './agent-memory.ts';
import { type Figure, table } from './figure.ts';
import { measureJobThroughput } from './job-throughput.ts';
import { describeRun } from './machine.ts';
import { measureOutputRate } from './output-rate.ts';
import { fullScale, quickScale, type Scale } from './scale.ts';
import { measureSubmitLatency } from './submit-latency.ts';

const benchmarks: Readonly<Record<string, (scale: Scale) => Promise<readonly Figure[]>>> = {
  'submit-latency': measureSubmitLatency,
  'job-throughput': measureJobThroughput,
  'output-rate': measureOutputRate,
  'agent-memory': measureAgentMemory,
};

const quick = process.argv.includes('--quick');
const named = process.argv.slice(2).filter((word) => word !== '--quick');
const unknown = named.filter((name) => benchmarks[name] === undefined);
if (unknown.length > 0) {
  process.stderr.write(`bench: no benchmark ${unknown.join(', ')}; there are ${Object.keys(benchmarks).join(', ')}\n`);
  process.exit(2);
}

const startedMs = performance.now();
printLine({ ...describeRun(), scale: quick ? 'quick' : 'full' });
const figures: Figure[] = [];
for (const [name, measure] of Object.entries(benchmarks)) {
  if (named.length > 0 && !named.includes(name)) continue;
  process.stderr.write(`bench: ${name}\n`);
  try {
    const measured = await measure(quick ? quickScale : fullScale);
    for (const each of measured) printLine(each);
    figures.push(...measured);
  } catch (error) {
    // The others are still worth having.
    process.stderr.write(`bench: ${name} FAILED: ${error instanceof Error ? error.stack : String(error)}\n`);
    process.exitCode = 1;
  }
}
process.stdout.write(`\n${table(figures)}\n\nbench took ${Math.round((performance.now() - startedMs) / 1000)} s\n`);

function printLine(value: object): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}
