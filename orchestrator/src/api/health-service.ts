// grpc.health.v1, for load balancers and orchestrators of orchestrators. It needs no key and tells nothing but whether to
// send calls here: every service of the door is as healthy as the whole.
import type { DescService } from '@bufbuild/protobuf';
import { AppError } from '@muster/common/errors/app-error';
import {
  Health as HealthService,
  HealthCheckResponse_ServingStatus as Status,
} from '@muster/gen/grpc/health/v1/health_pb';
import type { Health, HealthState } from '../observability/health-state.ts';
import { type ServedService, serve } from './served-service.ts';

/** Serves health for the door as a whole (the empty name) and for each of its services. */
export function healthService(state: HealthState, services: readonly DescService[]): ServedService {
  const names = new Set(['', ...services.map((service) => service.typeName)]);
  return serve(HealthService, {
    check(request) {
      if (names.has(request.service)) return { status: statusOf(state.value) };
      throw new AppError('not_found', `no service is called ${JSON.stringify(request.service.slice(0, 200))}`, {
        field: 'service',
      });
    },
    list: () => ({
      statuses: Object.fromEntries([...names].map((name) => [name, { status: statusOf(state.value) }])),
    }),
    async *watch(request, context) {
      if (!names.has(request.service)) {
        // The contract's way: a service may come to be known later, so the stream stays.
        yield { status: Status.SERVICE_UNKNOWN };
        await untilAborted(context.signal);
      }
      const changes = state.changes(context.signal);
      yield { status: statusOf(state.value) };
      for await (const health of changes) yield { status: statusOf(health) };
    },
  });
}

function statusOf(health: Health): Status {
  return health === 'serving' ? Status.SERVING : Status.NOT_SERVING;
}

function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
}
