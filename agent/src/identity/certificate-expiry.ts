/** Says in the log that the node's certificate nears its end, from the last third of its life on. */
import { X509Certificate } from 'node:crypto';
import type { Clock } from '@muster/common/clock/clock';
import type { Logger } from '@muster/common/logging/logger';

const DAY_MS = 86_400_000;

/** What is known of a certificate's life. */
export interface CertificateLife {
  readonly kind: 'fine' | 'last_third' | 'expired';
  readonly endsAtMs: number;
}

/** Where a certificate stands in its life. Throws what node:crypto throws for a text that holds none. */
function certificateLife(certificatePem: string, nowMs: number): CertificateLife {
  const certificate = new X509Certificate(certificatePem);
  const beginsAtMs = Date.parse(certificate.validFrom);
  const endsAtMs = Date.parse(certificate.validTo);
  if (nowMs >= endsAtMs) return { kind: 'expired', endsAtMs };
  const lastThirdMs = endsAtMs - (endsAtMs - beginsAtMs) / 3;
  return { kind: nowMs >= lastThirdMs ? 'last_third' : 'fine', endsAtMs };
}

/** Looks at once and then daily, until aborted. */
export async function runCertificateExpiryLoop(
  deps: { readonly certificatePem: string; readonly clock: Clock; readonly logger: Logger },
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    const life = certificateLife(deps.certificatePem, deps.clock.nowMs());
    const ends = new Date(life.endsAtMs).toISOString();
    if (life.kind === 'last_third')
      deps.logger.warn({ ends }, 'the certificate of this node ends soon; enroll it anew');
    if (life.kind === 'expired') deps.logger.error({ ends }, 'the certificate of this node has ended; enroll it anew');
    await deps.clock.sleep(DAY_MS, signal);
  }
}
