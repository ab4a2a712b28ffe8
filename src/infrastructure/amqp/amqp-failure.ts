/** The reasons for a missing broker connection that callers can distinguish, and their texts. */
import { hideCredentials } from '../logging/hide-credentials.js';

/** There is no connection now. It is being opened. */
export class ConnectionAway extends Error {
  constructor(name: string, options?: { cause?: unknown }) {
    super(`no connection to the broker (${name})`, options);
    this.name = 'ConnectionAway';
  }
}

/** The broker refuses the login. An operator must fix that. */
export class LoginRefused extends Error {
  constructor(cause: Error) {
    super(`the broker refuses the login: ${hideCredentials(cause.message)}`, { cause });
    this.name = 'LoginRefused';
  }
}

/** The library's text. */
const ACCESS_REFUSED = /^Handshake terminated by server: 403 /;
/** The library's text if the broker closes the connection because of the virtual host. The library hides the reason. */
const CLOSED_AT_OPENING = /^Expected ConnectionOpenOk; got <ConnectionClose/;

export function isAccessRefused({ message }: Error): boolean {
  return ACCESS_REFUSED.test(message);
}

export function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

/** In one line, without credentials. */
export function describeFailure(error: unknown): string {
  const { code, message } = toError(error) as Error & { code?: string | number };
  if (CLOSED_AT_OPENING.test(message))
    return 'the broker closed the connection at once: no such virtual host, no access to it, or too many connections';
  return hideCredentials(message === '' ? String(code ?? 'unknown') : message);
}
