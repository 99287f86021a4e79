/** Nodes, as table rows and in full. */

import { printBytes } from '@muster/common/format/bytes';
import type { Fingerprint } from '@muster/gen/muster/node/v1/fingerprint_pb';
import { type Node, NodeStateSchema } from '@muster/gen/muster/node/v1/node_pb';
import { cellText } from '../output/terminal-safe.ts';
import { enumName } from './enum-name.ts';
import { showAge, showDuration, showTime } from './moment.ts';
import type { Paint } from './paint.ts';

const HEAD = ['NAME', 'STATE', 'CPU', 'MEMORY', 'GPU', 'OS', 'RUNS', 'SEEN', 'LABELS'];
const WIDE_HEAD = ['ID', 'ADDRESS', 'AGENT', 'ARCH', 'KERNEL', 'ENROLLED'];

/** The titles of the columns. */
export function nodeHead(isWide: boolean): string[] {
  return isWide ? [...HEAD, ...WIDE_HEAD] : HEAD;
}

/** One node's row. */
export function nodeRow(node: Node, isWide: boolean, nowMs: number, paint: Paint): string[] {
  const found = node.fingerprint;
  const row = [
    cellText(node.name),
    nodeState(node, paint),
    found?.cpu === undefined ? '-' : String(found.cpu.logicalCores),
    found?.memory === undefined ? '-' : printBytes(Number(found.memory.totalBytes)),
    cellText(gpus(found)),
    cellText(osName(found)),
    String(node.activeAttempts),
    showAge(node.lastContactTime, nowMs),
    cellText(labelText(node.labels)),
  ];
  if (!isWide) return row;
  return [
    ...row,
    cellText(node.id),
    cellText(node.address || '-'),
    cellText(node.agentVersion || '-'),
    cellText(found?.cpu?.architecture || '-'),
    cellText(found?.os?.kernel || '-'),
    showTime(node.enrolledTime),
  ];
}

/** Everything about a node that a person asks for. */
export function showNode(node: Node, paint: Paint): string {
  const found = node.fingerprint;
  const rows: [string, string][] = [
    ['Node', paint.bold(cellText(node.name))],
    ['Id', node.id],
    ['State', nodeState(node, paint)],
    ...(node.quarantined ? [pair('Quarantine', node.quarantineReason)] : []),
    ['Labels', labelText(node.labels) || '-'],
    ['Address', node.address || '-'],
    ['Agent', node.agentVersion || '-'],
    ['Enrolled', showTime(node.enrolledTime)],
    ['Seen', showTime(node.lastContactTime)],
    [
      'Certificate',
      `good until ${showTime(node.certificateExpiresTime)}${node.certificateExpiresSoon ? ', enrol anew before' : ''}`,
    ],
    ['Attempts', `${node.activeAttempts} active`],
    ...(node.foreignAttemptIds.length === 0 ? [] : [pair('Foreign', node.foreignAttemptIds.join(', '))]),
    ...usageRows(node),
    ...(found === undefined ? [] : fingerprintRows(found)),
  ];
  return rows.map(([label, value]) => `${label.padEnd(12)} ${safe(label, value)}\n`).join('');
}

/** `a=1,b=2`, sorted; empty: none. */
export function labelText(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .sort()
    .join(',');
}

function nodeState(node: Node, paint: Paint): string {
  const marks = [...(node.quarantined ? ['quarantined'] : []), ...(node.cordoned ? ['cordoned'] : [])];
  return [enumName(NodeStateSchema, node.state), ...marks].map((name) => paint.state(name)).join(',');
}

function usageRows(node: Node): [string, string][] {
  const { usage } = node;
  if (usage === undefined) return [];
  return [
    pair('CPU in use', `${(usage.cpuPermille / 10).toFixed(1)} %`),
    pair('Memory free', printBytes(Number(usage.memoryAvailableBytes))),
    pair('Disk free', `${printBytes(Number(usage.stateDiskAvailableBytes))} for the agent`),
    pair('Spool', printBytes(Number(usage.spoolBytes))),
  ];
}

function fingerprintRows(found: Fingerprint): [string, string][] {
  const { cpu, memory, os } = found;
  return [
    ...(cpu === undefined ? [] : [pair('CPU', `${cpu.logicalCores} x ${cpu.model} (${cpu.architecture})`)]),
    ...(memory === undefined ? [] : [pair('Memory', printBytes(Number(memory.totalBytes)))]),
    ...(os === undefined
      ? []
      : [pair('System', `${osName(found)}, kernel ${os.kernel}, host ${os.hostname}, up ${showDuration(os.uptime)}`)]),
    ...found.disks.map((disk) =>
      pair(
        'Disk',
        `${disk.mountPoint} ${disk.fileSystem} ${size(disk.availableBytes)} of ${size(disk.totalBytes)} free`,
      ),
    ),
    ...found.gpus.map((gpu) => pair('GPU', `${gpu.model} ${size(gpu.memoryBytes)} ${gpu.uuid}`)),
    pair('Drivers', found.drivers.join(', ') || '-'),
    pair('Interpreters', found.interpreters.map((each) => `${each.name} ${each.version}`.trim()).join(', ') || '-'),
    ...(found.containerEngine === undefined
      ? []
      : [pair('Containers', `${found.containerEngine.name} ${found.containerEngine.version}`)]),
    ...(found.cloud === undefined
      ? []
      : [
          pair(
            'Cloud',
            `${found.cloud.provider} ${found.cloud.instanceType} ${found.cloud.zone || found.cloud.region}`,
          ),
        ]),
    ...found.probeFailures.map((failure) => pair('Probe failed', `${failure.probe}: ${failure.message}`)),
  ];
}

function gpus(found: Fingerprint | undefined): string {
  const [first] = found?.gpus ?? [];
  return first === undefined ? '-' : `${found?.gpus.length} x ${first.model}`;
}

function osName(found: Fingerprint | undefined): string {
  const os = found?.os;
  return os === undefined ? '-' : `${os.distribution || os.platform} ${os.version}`.trim();
}

function size(bytes: bigint): string {
  return printBytes(Number(bytes));
}

function pair(label: string, value: string): [string, string] {
  return [label, value];
}

/** What Muster painted itself keeps its colours. */
function safe(label: string, value: string): string {
  return label === 'Node' || label === 'State' ? value : cellText(value);
}
