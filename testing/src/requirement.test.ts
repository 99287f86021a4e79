import { describe, expect, it } from '@jest/globals';
import { projectRoot } from './real/program.ts';
import { requireTool, type Surroundings, toolFolders } from './requirement.ts';

function surroundings(options: { environment?: Record<string, string>; path?: string }): {
  readonly given: Surroundings;
  readonly lines: string[];
} {
  const lines: string[] = [];
  return {
    lines,
    given: {
      environment: options.environment ?? {},
      findTool: () => options.path,
      warn: (line) => void lines.push(line),
    },
  };
}

describe('requireTool', () => {
  it('runs the tests where the tool is there, and says nothing', () => {
    const { given, lines } = surroundings({ environment: { CI: 'true' }, path: '/usr/bin/grpcurl' });
    expect(requireTool('grpcurl', given)).toEqual({ available: true, describe, path: '/usr/bin/grpcurl' });
    expect(lines).toEqual([]);
  });

  it('skips them with one line that names the tool and what to do where it is missing', () => {
    const { given, lines } = surroundings({});
    expect(requireTool('grpcurl', given)).toEqual({ available: false, describe: describe.skip, path: undefined });
    expect(lines).toEqual([expect.stringMatching(/^skipped: .*grpcurl.*go install.*\n$/)]);
  });

  it('fails in CI where the tool is missing', () => {
    const { given } = surroundings({ environment: { CI: 'true' } });
    expect(() => requireTool('docker', given)).toThrow('docker is missing, and CI=true requires it');
  });

  it('skips in CI what the machine is known to be without', () => {
    const { given, lines } = surroundings({ environment: { CI: 'true', MUSTER_CI_WITHOUT: 'systemd docker' } });
    expect(requireTool('docker', given).available).toBe(false);
    expect(lines).toHaveLength(1);
  });

  it('finds a program that every test machine has', () => {
    expect(requireTool('buf').path).toMatch(/\/buf$/);
  });

  it('looks on the PATH first, then where the preparation and `go install` put tools', () => {
    expect(toolFolders({ PATH: '/a::/b', HOME: '/home/x' })).toEqual([
      '/a',
      '/b',
      `${projectRoot}.muster/tools`,
      '/usr/sbin',
      '/usr/local/go/bin',
      '/home/x/go/bin',
    ]);
    const chosen = toolFolders({ GOBIN: '/g', GOPATH: '/p:/q', MUSTER_TOOLS_DIR: '/t' });
    expect(chosen).toEqual(['/t', '/usr/sbin', '/usr/local/go/bin', '/g', '/p/bin', '/q/bin']);
  });
});
