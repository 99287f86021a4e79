import { create, fromBinary } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { describe, expect, it } from '@jest/globals';
import { ConnectRequestSchema } from '@muster/gen/muster/agent/v1/agent_service_pb';
import { OutputStream } from '@muster/gen/muster/job/v1/status_pb';
import { encodeConnectRequest } from './log-frame-encoder.ts';

describe('encodeConnectRequest', () => {
  it.each([1, 127, 128, 16_383, 16_384, 65_536, 262_144])('a chunk of %i bytes reads back as it was', (bytes) => {
    const data = Buffer.alloc(bytes, 'muster');
    const frame = create(ConnectRequestSchema, {
      sequence: 2n ** 40n,
      message: {
        case: 'logChunk',
        value: {
          attemptId: '01jczzzzzzzzzzzzzzzzzzzzzz',
          run: 1,
          stream: OutputStream.STDERR,
          offsetBytes: 2n ** 50n + 3n,
          data: new Uint8Array(data),
          observedTime: timestampFromMs(1_700_000_000_123),
        },
      },
    });
    expect(fromBinary(ConnectRequestSchema, encodeConnectRequest(frame))).toEqual(frame);
  });
});
