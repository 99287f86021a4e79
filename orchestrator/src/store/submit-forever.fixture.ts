// A process that submits jobs and says the id of each on standard output once it is stored, until it is killed.
// node --conditions muster-source submit-forever.fixture.ts DIRECTORY
import { writeSync } from 'node:fs';
import { systemClock } from '@muster/common/clock/clock';
import { openStore } from './open-store.ts';
import { ids, newJob } from './samples.fixture.ts';

const store = await openStore({ dataDirectory: process.argv[2] ?? '', clock: systemClock, ids });

async function submitForever(): Promise<never> {
  for (;;) {
    const job = newJob();
    await store.jobs.submit(job);
    // Synchronous: what was said is in the pipe when the kill comes.
    writeSync(1, `${job.id}\n`);
  }
}

await Promise.all([submitForever(), submitForever(), submitForever()]);
