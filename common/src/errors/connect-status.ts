/** AppError to ConnectError and back; the only mapping for the control door. Connect's codes are gRPC's numbers. */
import { ConnectError } from '@connectrpc/connect';
import type { AppError } from './app-error.ts';
import { codeOfGrpcStatus, grpcStatusOf } from './codes.ts';
import { errorFromShown, type ReportIncident, shownError } from './wire-details.ts';

/** What a caller of the control door gets for anything thrown. `report` is called for internal errors only. */
export function toConnectError(thrown: unknown, report: ReportIncident): ConnectError {
  const shown = shownError(thrown, report);
  const headers = new Headers(shown.headers.map(([name, value]): [string, string] => [name, value]));
  return new ConnectError(shown.message, grpcStatusOf(shown.code), headers);
}

/** The AppError of anything that a Connect client threw; the ConnectError is its cause. */
export function fromConnectError(thrown: unknown): AppError {
  const error = ConnectError.from(thrown);
  const header = (name: string): string | undefined => error.metadata.get(name) ?? undefined;
  return errorFromShown(codeOfGrpcStatus(error.code), error.rawMessage, header, error);
}
