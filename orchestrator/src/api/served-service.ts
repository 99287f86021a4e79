// A service of the control door: its descriptor, which says who may call it, and what answers.
import type { DescService } from '@bufbuild/protobuf';
import type { ConnectRouter, ServiceImpl } from '@connectrpc/connect';

/** A service that is ready to be served. */
export interface ServedService {
  readonly service: DescService;
  readonly register: (router: ConnectRouter) => void;
}

/** Joins a service and what answers it. All methods must be there: one that is missing does not compile. */
export function serve<S extends DescService>(service: S, implementation: ServiceImpl<S>): ServedService {
  return { service, register: (router) => void router.service(service, implementation) };
}
