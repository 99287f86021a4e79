// The import table must catch what it forbids: each rule has a file that breaks it, and one that keeps it.
import { describe, expect, it } from '@jest/globals';
import { importProblems } from './import-rules.ts';

const declared = new Set(['@grpc/grpc-js', '@connectrpc/connect', 'drizzle-orm', 'pino', '@bufbuild/protobuf']);

function messages(path: string, ...lines: readonly string[]): readonly string[] {
  return importProblems({ path, text: lines.join('\n'), declared }).map(({ message }) => message);
}

describe('between workspaces', () => {
  it.each([
    ['orchestrator/src/api/a.ts', '@muster/agent/connection/dial', 'orchestrator must not import @muster/agent'],
    ['agent/src/jobs/a.ts', '@muster/orchestrator/domain/job', 'agent must not import @muster/orchestrator'],
    ['cli/src/client/a.ts', '@muster/agent/config', 'cli must not import @muster/agent'],
    ['common/src/clock/a.ts', '@muster/orchestrator/domain/job', 'common must not import @muster/orchestrator'],
    ['gen/src/muster/a.js', '@muster/common/clock/clock', 'gen must not import @muster/common'],
    ['orchestrator/src/jobs/a.ts', '@muster/testing/manual-clock', 'only tests import testing'],
    ['testing/src/cluster.ts', '@muster/orchestrator/main', 'starts a program'],
    ['common/src/clock/a.ts', '@muster/common/ids/ids', 'is this package itself'],
  ])('%s must not import %s', (path, specifier, expected) => {
    expect(messages(path, `import { x } from '${specifier}';`)).toEqual([expect.stringContaining(expected)]);
  });

  it.each([
    ['orchestrator/src/jobs/a.ts', '@muster/common/clock/clock'],
    ['orchestrator/src/jobs/a.test.ts', '@muster/testing/manual-clock'],
    ['testing/src/cluster.ts', '@muster/orchestrator/compose'],
    ['cli/src/client/a.ts', '@muster/gen/muster/job/v1/job_pb'],
  ])('%s may import %s', (path, specifier) => {
    expect(messages(path, `import { x } from '${specifier}';`)).toEqual([]);
  });

  it('does not let a workspace exist that the table does not name', () => {
    expect(messages('plugins/src/a.ts', '')).toEqual([expect.stringContaining('plugins is not in')]);
  });

  it('does not let a relative path leave the workspace', () => {
    expect(messages('agent/src/jobs/a.ts', "import { x } from '../../../common/src/clock/clock.ts';")).toEqual([
      expect.stringContaining('leaves the workspace'),
    ]);
  });
});

describe('between folders', () => {
  it.each([
    ['orchestrator/src/domain/job.ts', '../jobs/submit-job.ts', 'must not import jobs'],
    ['orchestrator/src/sessions/session.ts', '../store/database.ts', 'must not import store'],
    ['orchestrator/src/sessions/session.ts', '../dispatch/scheduler-loop.ts', 'must not import dispatch'],
    ['agent/src/connection/session.ts', '../drivers/driver.ts', 'must not import drivers'],
    ['orchestrator/src/api/job-service.ts', '../compose.ts', 'constructs everything'],
  ])('%s must not import %s', (path, specifier, expected) => {
    expect(messages(path, `import { x } from '${specifier}';`)).toEqual([expect.stringContaining(expected)]);
  });

  it('lets everybody import the domain, main import compose, and a folder import itself', () => {
    expect(messages('orchestrator/src/sessions/session.ts', "import { x } from '../domain/node.ts';")).toEqual([]);
    expect(messages('orchestrator/src/main.ts', "import { x } from './compose.ts';")).toEqual([]);
    expect(messages('orchestrator/src/sessions/a.ts', "import { x } from './frame/b.ts';")).toEqual([]);
  });

  it('keeps production code away from test code, and asks for the extension', () => {
    expect(messages('agent/src/jobs/a.ts', "import { x } from './b.test.ts';")).toEqual([
      expect.stringContaining('test code'),
    ]);
    expect(messages('agent/src/jobs/a.ts', "import { x } from './b';")).toEqual([
      expect.stringContaining('.ts extension'),
    ]);
  });
});

describe('a domain', () => {
  it.each([
    "import { readFileSync } from 'node:fs';",
    "import { systemClock } from '@muster/common/clock/clock';",
    "import { create } from '@bufbuild/protobuf';",
    "import pino from 'pino';",
  ])('must not have: %s', (line) => {
    expect(messages('orchestrator/src/domain/job.ts', line)).toEqual([expect.stringContaining('domain is pure')]);
  });

  it('may use pure parts of common, the contract and the types of its messages', () => {
    expect(
      messages(
        'orchestrator/src/domain/job.ts',
        "import type {\n  JobSpec,\n} from '@muster/gen/muster/job/v1/job_spec_pb';",
        "import type { Duration } from '@bufbuild/protobuf/wkt';",
        "import { asJobId } from '@muster/common/ids/ids';",
      ),
    ).toEqual([]);
  });
});

describe('one owner per dependency', () => {
  it.each([
    ['orchestrator/src/jobs/a.ts', '@grpc/grpc-js', 'belongs to common/src/grpc/'],
    ['orchestrator/src/jobs/a.ts', 'drizzle-orm/better-sqlite3', 'belongs to orchestrator/src/store/'],
    ['cli/src/commands/run.ts', '@connectrpc/connect', 'cli/src/client/'],
    ['agent/src/jobs/a.ts', 'node:timers/promises', 'belongs to common/src/clock/'],
    ['agent/src/jobs/a.ts', 'left-pad', 'is not a dependency of agent/package.json'],
  ])('%s must not import %s', (path, specifier, expected) => {
    expect(messages(path, `import '${specifier}';`)).toEqual([expect.stringContaining(expected)]);
  });

  it('lets the owner and tests import it', () => {
    expect(messages('orchestrator/src/sessions/a.ts', "import { Server } from '@grpc/grpc-js';")).toEqual([]);
    expect(messages('orchestrator/src/jobs/a.test.ts', "import { Server } from '@grpc/grpc-js';")).toEqual([]);
  });

  it.each(['Date.now();', 'new Date();', 'setTimeout(f, 1);', 'setInterval(f, 1);', 'Math.random();'])(
    'keeps production code away from %s',
    (line) => {
      expect(messages('agent/src/jobs/a.ts', '', line)).toEqual([expect.stringContaining('belongs to common/src/')]);
      expect(messages('agent/src/jobs/a.test.ts', line)).toEqual([]);
    },
  );

  it('does not take a method, a comment or a text for the global', () => {
    expect(
      messages('agent/src/jobs/a.ts', 'timer.setTimeout(1);', '// Date.now() is not ours', "say('Math.random()');"),
    ).toEqual([]);
  });

  it('lets the clock use time', () => {
    expect(messages('common/src/clock/clock.ts', 'Date.now();')).toEqual([]);
  });
});
