/** Who this node is, as written after enrolment: one file, replaced atomically, so that a node is enrolled or is not. */
import { writeFileAtomic } from '@muster/common/disk/atomic-write';
import type { Disk } from '@muster/common/disk/disk';
import { AppError } from '@muster/common/errors/app-error';
import { asNodeId, isUlid, type NodeId } from '@muster/common/ids/ids';

/** The record. The key stands in a file of its own. */
export interface NodeRecord {
  readonly nodeId: NodeId;
  readonly nodeName: string;
  /** The agent door, host:port, in order of preference; at least one. */
  readonly agentAddresses: readonly string[];
  readonly caBundlePem: string;
  readonly certificatePem: string;
}

/** Reads the record; undefined where this machine is not enrolled. @throws AppError data_loss when it cannot be read */
export async function readNodeRecord(disk: Disk, path: string): Promise<NodeRecord | undefined> {
  const bytes = await disk.readFile(path);
  if (bytes === undefined) return undefined;
  const record = recordOf(parse(new TextDecoder().decode(bytes)));
  if (record !== undefined) return record;
  throw new AppError('data_loss', `${path} is damaged; move it away and enroll this machine anew with a join token`);
}

/** Writes the record durably. */
export function writeNodeRecord(disk: Disk, path: string, record: NodeRecord): Promise<void> {
  const content = {
    node_id: record.nodeId,
    node_name: record.nodeName,
    agent_addresses: record.agentAddresses,
    ca_bundle_pem: record.caBundlePem,
    certificate_pem: record.certificatePem,
  };
  return writeFileAtomic(disk, path, `${JSON.stringify(content, undefined, 2)}\n`);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function recordOf(value: unknown): NodeRecord | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const fields = new Map<string, unknown>(Object.entries(value));
  const nodeId = fields.get('node_id');
  const nodeName = fields.get('node_name');
  const agentAddresses = fields.get('agent_addresses');
  const caBundlePem = fields.get('ca_bundle_pem');
  const certificatePem = fields.get('certificate_pem');
  if (typeof nodeId !== 'string' || !isUlid(nodeId) || typeof nodeName !== 'string') return undefined;
  if (typeof caBundlePem !== 'string' || typeof certificatePem !== 'string' || !isTexts(agentAddresses))
    return undefined;
  return { nodeId: asNodeId(nodeId), nodeName, agentAddresses, caBundlePem, certificatePem };
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.length > 0 && value.every((each) => typeof each === 'string');
}
