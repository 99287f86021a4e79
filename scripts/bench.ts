// Runs the benchmarks on what `make build` built. Arguments go through: --quick, and names to run only those.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { repositoryRoot } from './checks/repository-files.ts';

const program = join(repositoryRoot, 'bench/dist/bench.js');
const { status } = spawnSync(process.execPath, [program, ...process.argv.slice(2)], { stdio: 'inherit' });
process.exitCode = status ?? 1;
