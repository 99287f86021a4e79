/** How much may be sent without acknowledgement, and in what pieces. Pure. */
import { durationMs } from '@bufbuild/protobuf/wkt';
import type { LogSettings } from '@muster/gen/muster/agent/v1/session_pb';

/** The limits in force. */
export interface LogLimits {
  readonly nodeWindowBytes: number;
  readonly streamWindowBytes: number;
  /** A piece of this size is sent at once. */
  readonly chunkBytes: number;
  /** A smaller one after this long. */
  readonly flushMs: number;
}

/** Largest piece that a frame may carry (P27). A backlog is sent in these: fewer frames, less work per byte. */
export const LARGEST_CHUNK_BYTES = 256 * 1024;

/** What the contract says where a setting is unset. */
export const defaultLogLimits: LogLimits = {
  nodeWindowBytes: 16 * 1024 * 1024,
  streamWindowBytes: 4 * 1024 * 1024,
  chunkBytes: 64 * 1024,
  flushMs: 100,
};

/** The limits after new settings; what they leave unset stays. */
export function withSettings(limits: LogLimits, settings: LogSettings | undefined): LogLimits {
  if (settings === undefined) return limits;
  const chunkBytes = settings.chunkBytes === 0 ? limits.chunkBytes : settings.chunkBytes;
  return {
    nodeWindowBytes: Number(settings.nodeWindowBytes) || limits.nodeWindowBytes,
    streamWindowBytes: Number(settings.streamWindowBytes) || limits.streamWindowBytes,
    chunkBytes: Math.min(chunkBytes, LARGEST_CHUNK_BYTES),
    flushMs: settings.flushInterval === undefined ? limits.flushMs : durationMs(settings.flushInterval),
  };
}
