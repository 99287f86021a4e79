/** What the probes of an ordinary server find: as long as a real one, so that what the orchestrator keeps of it is too. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { FingerprintSchema } from '@muster/gen/muster/node/v1/fingerprint_pb';

const GIB = 1n << 30n;

/** The fingerprint of the machine of this name. */
export function ordinaryFingerprint(hostname: string): MessageInitShape<typeof FingerprintSchema> {
  return {
    cpu: {
      model: 'AMD EPYC 9354 32-Core Processor',
      vendor: 'AuthenticAMD',
      physicalCores: 32,
      logicalCores: 64,
      architecture: 'x86_64',
    },
    memory: { totalBytes: 256n * GIB, availableBytes: 201n * GIB, swapTotalBytes: 8n * GIB },
    disks: ['/', '/var', '/srv'].map((mountPoint, index) => ({
      mountPoint,
      device: `/dev/nvme0n1p${index + 1}`,
      fileSystem: 'ext4',
      totalBytes: 800n * GIB,
      availableBytes: 400n * GIB,
    })),
    os: {
      platform: 'linux',
      distribution: 'debian',
      version: '12',
      kernel: '6.1.0-28-amd64',
      bootId: hostname,
      hostname,
    },
    interpreters: ['sh', 'bash', 'python3', 'perl', 'awk'].map((name) => ({
      name,
      path: `/usr/bin/${name}`,
      version: '5.2.15',
    })),
    containerEngine: { name: 'docker', version: '27.3.1', apiVersion: '1.47', cgroupVersion: 2 },
    supervision: { supervisor: 'sh' },
    drivers: ['script', 'process'],
  };
}
