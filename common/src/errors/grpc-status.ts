/** AppError to grpc-js status and back; the only mapping for the agent door. */
import { Metadata, type ServiceError, type StatusObject } from '@grpc/grpc-js';
import type { AppError } from './app-error.ts';
import { codeOfGrpcStatus, grpcStatusOf } from './codes.ts';
import { errorFromShown, type ReportIncident, shownError } from './wire-details.ts';

/** The status that the other side gets for anything thrown. `report` is called for internal errors only. */
export function toGrpcStatus(thrown: unknown, report: ReportIncident): StatusObject {
  const shown = shownError(thrown, report);
  const metadata = new Metadata();
  for (const [name, value] of shown.headers) metadata.set(name, value);
  return { code: grpcStatusOf(shown.code), details: shown.message, metadata };
}

/** The same as an Error, as grpc-js callbacks and streams want it. */
export function toServiceError(thrown: unknown, report: ReportIncident): ServiceError {
  const status = toGrpcStatus(thrown, report);
  return Object.assign(new Error(status.details), status);
}

/** The AppError of a status or an error that grpc-js gave us; the status is its cause. */
export function fromServiceError(status: StatusObject | ServiceError): AppError {
  const header = (name: string): string | undefined => status.metadata?.get(name)[0]?.toString();
  return errorFromShown(codeOfGrpcStatus(status.code), status.details, header, status);
}
