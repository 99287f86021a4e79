import { describe, expect, it } from '@jest/globals';
import { parseBytes, printBytes, printBytesExactly } from './bytes.ts';
import { parseDuration, printDuration } from './duration.ts';

describe('durations', () => {
  it.each([
    ['90s', 90_000],
    ['1h30m', 5_400_000],
    ['250ms', 250],
    ['1.5s', 1_500],
    ['2d', 172_800_000],
    ['1m1ms', 60_001],
    ['0', 0],
    [' 5s ', 5_000],
  ])('%s is %d ms', (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  it.each(['', '90', '-5s', '1x', 's', '5 s', '1e3s', 'NaNs', `${'9'.repeat(30)}d`])('%j is refused', (text) => {
    expect(() => parseDuration(text)).toThrow(/duration|longer/);
  });

  it('are printed so that parsing gives the same', () => {
    for (const ms of [0, 1, 999, 1_000, 61_000, 90_000, 3_600_000, 86_400_000, 93_784_005]) {
      expect(parseDuration(printDuration(ms))).toBe(ms);
    }
    expect(printDuration(5_400_000)).toBe('1h30m');
  });
});

describe('sizes', () => {
  it.each([
    ['512MiB', 536_870_912],
    ['64k', 65_536],
    ['1.5GiB', 1_610_612_736],
    ['1GB', 1_000_000_000],
    ['100', 100],
    ['7 B', 7],
  ])('%s is %d bytes', (text, bytes) => {
    expect(parseBytes(text)).toBe(bytes);
  });

  it.each(['', '-1', 'MiB', '1XB', '1e9', `${'9'.repeat(30)}TiB`])('%j is refused', (text) => {
    expect(() => parseBytes(text)).toThrow('size');
  });

  it('are printed short for people and exactly for files', () => {
    expect(printBytes(1_610_612_736)).toBe('1.5GiB');
    expect(printBytes(1_023)).toBe('1023B');
    for (const bytes of [0, 1, 1_024, 1_025, 65_536, 1_610_612_736]) {
      expect(parseBytes(printBytesExactly(bytes))).toBe(bytes);
    }
  });
});
