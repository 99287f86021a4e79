import { describe, expect, it } from '@jest/globals';
import { type FollowEffect, type FollowEvent, type FollowState, onFollowEvent } from './interrupt-machine.ts';

const table: [FollowState, FollowEvent, FollowState, FollowEffect][] = [
  ['following', 'interrupt', 'cancelling', 'cancel_job'],
  ['following', 'ended', 'ended', 'none'],
  ['cancelling', 'interrupt', 'left', 'leave_job'],
  ['cancelling', 'ended', 'ended', 'none'],
  ['left', 'interrupt', 'left', 'none'],
  ['left', 'ended', 'left', 'none'],
  ['ended', 'interrupt', 'ended', 'none'],
  ['ended', 'ended', 'ended', 'none'],
];

describe('the interrupt machine', () => {
  it.each(table)('goes from %s by %s to %s, with %s', (from, event, to, effect) => {
    expect(onFollowEvent(from, event)).toEqual({ state: to, effect });
  });
});
