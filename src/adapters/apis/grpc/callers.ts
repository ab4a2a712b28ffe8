/** Who calls: the bearer token in the metadata, by the same verifier as for REST. */
import type { Metadata, ServiceError } from '@grpc/grpc-js';
import { authenticateCaller } from '../../../application/gateway/authenticate-caller.js';
import type { Caller } from '../../../application/ports/queries/chat-queries.js';
import { TokenKeysUnavailable, type TokenVerifier } from '../../../application/ports/token-verifier.js';
import { grpcError, statusOf } from './grpc-status.js';
import type { Wire } from './wire.js';

export interface Authenticated {
  caller: Caller;
  authorization: string;
}

export function textOf(metadata: Metadata, name: string): string | undefined {
  const [value] = metadata.get(name);
  return typeof value === 'string' ? value : undefined;
}

export class Callers {
  constructor(
    private readonly verifier: TokenVerifier,
    private readonly wire: Wire,
  ) {}

  /** Returns the error for the client if the metadata authenticate no user. */
  async of(metadata: Metadata): Promise<Authenticated | ServiceError> {
    try {
      const result = await authenticateCaller(textOf(metadata, 'authorization'), this.verifier);
      // The scopes of a key are checked by REST and by the gateway alone.
      const isKey = result.outcome === 'authenticated' && result.keyId !== null;
      if (result.outcome === 'authenticated' && !isKey) return result;
      const reason = isKey ? 'API keys are for REST and the gateway' : 'a bearer token is required';
      const detail = result.outcome === 'refused' ? result.reason : reason;
      return grpcError(this.wire, statusOf('unauthenticated'), 'UNAUTHENTICATED', { detail });
    } catch (error) {
      if (!(error instanceof TokenKeysUnavailable)) throw error;
      return grpcError(this.wire, statusOf('unavailable'), 'UNAVAILABLE', { retryAfter: 1 });
    }
  }
}
