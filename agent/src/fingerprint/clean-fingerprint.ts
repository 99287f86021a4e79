/**
 * Makes what probes found fit to be sent: texts come from files and programs of others and may hold anything, numbers may
 * be out of range. Goes over every field by reflection, so that a new field is never forgotten.
 */
import { type DescField, ScalarType } from '@bufbuild/protobuf';
import { isReflectMessage, type ReflectMessage, reflect } from '@bufbuild/protobuf/reflect';
import { type Fingerprint, FingerprintSchema } from '@muster/gen/muster/node/v1/fingerprint_pb';

/** Enough for any path that people make (Linux allows 4,096) while 64 of everything stay far below a frame's limit. */
const MOST_TEXT_LENGTH = 1024;

/** The most entries of each list, as fingerprint.proto says. */
const mostEntries = { disks: 64, interpreters: 64, gpus: 1024, drivers: 64, probeFailures: 64 };

/** Cleans in place, and returns it: lists cut to their bounds, texts by `cleanText`, numbers into their type's range. */
export function cleanFingerprint(fingerprint: Fingerprint): Fingerprint {
  fingerprint.disks.splice(mostEntries.disks);
  fingerprint.interpreters.splice(mostEntries.interpreters);
  fingerprint.gpus.splice(mostEntries.gpus);
  fingerprint.drivers.splice(mostEntries.drivers);
  fingerprint.probeFailures.splice(mostEntries.probeFailures);
  cleanMessage(reflect(FingerprintSchema, fingerprint));
  return fingerprint;
}

/** One line of well-formed text: no control characters, no invisible direction marks, at most 1,024 long. */
function cleanText(text: string): string {
  return text
    .toWellFormed()
    .replace(/[\p{Cc}\u2028\u2029]+/gu, ' ')
    .replace(/\p{Cf}/gu, '')
    .trim()
    .slice(0, MOST_TEXT_LENGTH)
    .toWellFormed();
}

function cleanMessage(message: ReflectMessage): void {
  for (const field of message.fields) {
    if (!message.isSet(field)) continue;
    const value: unknown = message.get(field);
    if (field.fieldKind === 'message' && isReflectMessage(value)) cleanMessage(value);
    if (field.fieldKind === 'list') cleanList(message, field);
    if (field.fieldKind === 'scalar') message.set(field, cleanScalar(field.scalar, value));
  }
}

function cleanList(message: ReflectMessage, field: DescField & { fieldKind: 'list' }): void {
  const list = message.get(field);
  for (const [index, item] of list.entries()) {
    if (isReflectMessage(item)) cleanMessage(item);
    else if (field.listKind === 'scalar') list.set(index, cleanScalar(field.scalar, item));
  }
}

function cleanScalar(type: ScalarType, value: unknown): unknown {
  switch (type) {
    case ScalarType.STRING:
      return cleanText(String(value));
    case ScalarType.UINT32:
      return clampInteger(Number(value));
    case ScalarType.UINT64:
      return typeof value === 'bigint' ? clampBig(value) : 0n;
    default:
      return value;
  }
}

function clampInteger(value: number): number {
  return Number.isFinite(value) ? Math.min(Math.max(Math.trunc(value), 0), 0xffff_ffff) : 0;
}

function clampBig(value: bigint): bigint {
  if (value < 0n) return 0n;
  return value > 0xffff_ffff_ffff_ffffn ? 0xffff_ffff_ffff_ffffn : value;
}
