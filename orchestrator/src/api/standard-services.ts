// What every gRPC server offers beside its own services: health, and reflection that knows them all.
import type { HealthState } from '../observability/health-state.ts';
import { healthService } from './health-service.ts';
import { reflectionServices } from './reflection-service.ts';
import type { ServedService } from './served-service.ts';

/** The door's own services, with health and reflection added. */
export function withStandardServices(own: readonly ServedService[], health: HealthState): readonly ServedService[] {
  const probed = healthService(
    health,
    own.map((each) => each.service),
  );
  const reflected = [...own, probed];
  return [...reflected, ...reflectionServices(reflected.map((each) => each.service))];
}
