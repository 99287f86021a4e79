// How secrets are kept: their SHA-256 only. They are 24 random bytes and more, so a plain hash is as good as a slow one.
import { createHash, timingSafeEqual } from 'node:crypto';

/** SHA-256 of a secret's text, lowercase hex. */
export function secretSha256(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}

/** Whether two such digests are the same, in a time that does not tell where they differ. */
export function sameSecretSha256(one: string, other: string): boolean {
  const left = Buffer.from(one, 'hex');
  const right = Buffer.from(other, 'hex');
  return left.byteLength === right.byteLength && left.byteLength > 0 && timingSafeEqual(left, right);
}
