import { describe, expect, it } from '@jest/globals';
import { AppError } from '../errors/app-error.ts';
import { asJoinTokenId } from '../ids/ids.ts';
import { formatJoinToken, type JoinToken, parseJoinToken } from './join-token.ts';

const token: JoinToken = {
  addresses: ['muster.example.net:7444', '[2001:db8::1]:7444', '127.0.0.1:7444'],
  caSha256: 'ab'.repeat(32),
  tokenId: asJoinTokenId('01hzy3k4m5n6p7q8r9s0t1v2w3'),
  secret: Buffer.alloc(32, 7).toString('base64url'),
};

function problemOf(text: string): AppError {
  try {
    parseJoinToken(text);
  } catch (error) {
    if (error instanceof AppError) return error;
  }
  throw new Error('parsed although it should not');
}

describe('a join token', () => {
  it('reads back as what it was made of', () => {
    expect(parseJoinToken(formatJoinToken(token))).toEqual(token);
  });

  it('is one word that needs no quoting in a shell or URL', () => {
    expect(formatJoinToken(token)).toMatch(/^[A-Za-z0-9._-]+$/);
  });

  it('survives line breaks and spaces of a terminal or mail', () => {
    const text = formatJoinToken(token);
    expect(parseJoinToken(` ${text.slice(0, 40)}\r\n  ${text.slice(40)}\n`)).toEqual(token);
  });

  it('is refused at every length when its end is cut off', () => {
    const text = formatJoinToken(token);
    for (let length = 0; length < text.length; length += 1) {
      expect(problemOf(text.slice(0, length)).code).toBe('invalid_argument');
    }
  });

  it('is refused when one character is another', () => {
    const text = formatJoinToken(token);
    for (let at = 8; at < text.length; at += 1) {
      const wrong = text.charAt(at) === 'A' ? 'B' : 'A';
      expect(problemOf(text.slice(0, at) + wrong + text.slice(at + 1)).field).toBe('join_token');
    }
  });

  it.each([
    ['no addresses', { ...token, addresses: [] }],
    ['an address without a port', { ...token, addresses: ['host'] }],
    ['a digest that is too short', { ...token, caSha256: 'abcd' }],
    ['a secret that could be guessed', { ...token, secret: 'short' }],
  ])('is refused with %s', (_what, wrong) => {
    expect(problemOf(formatJoinToken(wrong)).message).toContain('does not hold what a join token holds');
  });

  it('is never repeated in the error about it', () => {
    const text = formatJoinToken(token);
    expect(problemOf(`${text}x`).message).not.toContain(token.secret.slice(0, 8));
    expect(problemOf(text.slice(8)).message).toContain('muster token create');
  });
});
