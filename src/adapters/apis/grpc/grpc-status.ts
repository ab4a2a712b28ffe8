/** Problems of the contract as gRPC errors: a status code, and details for programs (google.rpc.Status). */
import { Metadata, type ServiceError, status } from '@grpc/grpc-js';
import type { Problem, ProblemCode } from '../../../contract/messages/problems.js';
import type { Wire } from './wire.js';

/** Of `google.rpc.ErrorInfo`: names whose reasons these are. */
const DOMAIN = 'parley';
const MS_PER_SECOND = 1_000;
const NANOSECONDS_PER_MS = 1_000_000;

const STATUS: Record<ProblemCode, status> = {
  invalid: status.INVALID_ARGUMENT,
  unsupported_type: status.UNIMPLEMENTED,
  too_large: status.INVALID_ARGUMENT,
  unauthenticated: status.UNAUTHENTICATED,
  not_found: status.NOT_FOUND,
  not_permitted: status.PERMISSION_DENIED,
  muted: status.FAILED_PRECONDITION,
  archived: status.FAILED_PRECONDITION,
  conflict: status.ALREADY_EXISTS,
  limit_reached: status.FAILED_PRECONDITION,
  rate_limited: status.RESOURCE_EXHAUSTED,
  moderated: status.PERMISSION_DENIED,
  bad_request: status.INVALID_ARGUMENT,
  malformed: status.INVALID_ARGUMENT,
  method_not_allowed: status.INTERNAL,
  unsupported_media_type: status.INTERNAL,
  internal: status.INTERNAL,
  not_implemented: status.UNIMPLEMENTED,
  unavailable: status.UNAVAILABLE,
};

export function statusOf(code: ProblemCode): status {
  return STATUS[code];
}

export type ErrorDetails = Partial<Omit<Problem, 'type' | 'status'>>;

/**
 * An error for the client.
 * @param reason in `ErrorInfo`: a problem code in upper case
 */
export function grpcError(wire: Wire, code: status, reason: string, details: ErrorDetails = {}): ServiceError {
  const { title, detail, violations, retryAfter, commandId, decisionId } = details;
  const message = detail ?? title ?? reason.toLowerCase().replaceAll('_', ' ');
  const about = {
    ...(commandId === undefined ? {} : { command_id: commandId }),
    ...(decisionId === undefined ? {} : { decision_id: decisionId }),
  };
  const any = (type: string, value: object) => ({
    type_url: `type.googleapis.com/${type}`,
    value: wire.encode(type, value),
  });
  const status = {
    ...{ code, message },
    details: [
      any('google.rpc.ErrorInfo', { reason, domain: DOMAIN, metadata: about }),
      ...(violations === undefined
        ? []
        : [
            any('google.rpc.BadRequest', {
              field_violations: violations.map(({ path, message: description }) => ({ field: path, description })),
            }),
          ]),
      ...(retryAfter === undefined ? [] : [any('google.rpc.RetryInfo', { retry_delay: durationOf(retryAfter) })]),
    ],
  };
  const metadata = new Metadata();
  metadata.set('grpc-status-details-bin', wire.encode('google.rpc.Status', status));
  return Object.assign(new Error(message), { code, details: message, metadata });
}

export function problemError(wire: Wire, problem: Problem): ServiceError {
  const code = problem.type.replace('/problems/', '') as ProblemCode;
  return grpcError(wire, statusOf(code), code.toUpperCase(), problem);
}

function durationOf(seconds: number): { seconds: number; nanos: number } {
  const ms = Math.ceil(seconds * MS_PER_SECOND);
  return { seconds: Math.floor(ms / MS_PER_SECOND), nanos: (ms % MS_PER_SECOND) * NANOSECONDS_PER_MS };
}
