/**
 * The one table of failure codes. They are gRPC's codes, because every failure may end as the status of a call;
 * `ok` and `unknown` are missing on purpose: the first is no failure, the second says nothing.
 */
export const errorCodes = {
  cancelled: { grpc: 1 },
  invalid_argument: { grpc: 3 },
  deadline_exceeded: { grpc: 4 },
  not_found: { grpc: 5 },
  already_exists: { grpc: 6 },
  permission_denied: { grpc: 7 },
  resource_exhausted: { grpc: 8 },
  failed_precondition: { grpc: 9 },
  aborted: { grpc: 10 },
  out_of_range: { grpc: 11 },
  unimplemented: { grpc: 12 },
  internal: { grpc: 13 },
  unavailable: { grpc: 14 },
  data_loss: { grpc: 15 },
  unauthenticated: { grpc: 16 },
} satisfies Record<string, { grpc: number }>;

/** What kind of failure it is; decides the gRPC status and whether a caller may try again. */
export type ErrorCode = keyof typeof errorCodes;

const byGrpcStatus = new Map<number, ErrorCode>([
  [1, 'cancelled'],
  [3, 'invalid_argument'],
  [4, 'deadline_exceeded'],
  [5, 'not_found'],
  [6, 'already_exists'],
  [7, 'permission_denied'],
  [8, 'resource_exhausted'],
  [9, 'failed_precondition'],
  [10, 'aborted'],
  [11, 'out_of_range'],
  [12, 'unimplemented'],
  [13, 'internal'],
  [14, 'unavailable'],
  [15, 'data_loss'],
  [16, 'unauthenticated'],
]);

/** The gRPC status number of a code. */
export function grpcStatusOf(code: ErrorCode): number {
  return errorCodes[code].grpc;
}

/** The code of a gRPC status number; a number that we do not use (unknown = 2, or a future one) is `internal`. */
export function codeOfGrpcStatus(status: number): ErrorCode {
  return byGrpcStatus.get(status) ?? 'internal';
}
