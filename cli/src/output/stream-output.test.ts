import { PassThrough } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import { OutputClosed } from './output.ts';
import { type ProcessStream, streamOutput } from './stream-output.ts';

function pipe(isTTY: boolean, highWaterMark = 16): { stream: ProcessStream & { isTTY: boolean }; reader: PassThrough } {
  const reader = new PassThrough({ highWaterMark });
  return { stream: Object.assign(reader, { isTTY }), reader };
}

describe('streamOutput', () => {
  it('writes in order, and waits while the reader is slow', async () => {
    const { stream, reader } = pipe(false);
    const output = streamOutput(stream, true);
    let isWritten = false;
    const both = Promise.all([output.write('x'.repeat(64)), output.write('end')]).then(() => {
      isWritten = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(isWritten).toBe(false);
    let text = '';
    reader.on('data', (chunk) => {
      text += String(chunk);
    });
    await both;
    await new Promise((resolve) => setImmediate(resolve));
    expect(text).toBe(`${'x'.repeat(64)}end`);
  });

  it('says that the reader is gone, and nothing else happens', async () => {
    const { stream, reader } = pipe(false);
    const output = streamOutput(stream, true);
    reader.destroy(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }));
    await expect(output.write('x')).rejects.toBeInstanceOf(OutputClosed);
  });

  it('wants colours on a terminal only, unless they are not wanted', () => {
    const colors = [true, false].flatMap((isTTY) =>
      [true, false].map((wantsColors) => streamOutput(pipe(isTTY).stream, wantsColors).hasColors),
    );
    expect(colors).toEqual([true, false, false, false]);
  });
});
