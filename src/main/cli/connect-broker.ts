/** A connection to the broker for one command, which does not wait while the broker is unavailable. */
import { setTimeout as sleep } from 'node:timers/promises';
import { AmqpConnection } from '../../infrastructure/amqp/amqp-connection.js';
import type { Logger } from '../../infrastructure/logging/logger.js';
import { StartupError } from '../../infrastructure/process/startup-error.js';

/** How long a broker may take to accept the connection. */
const REACH_TIMEOUT_MS = 5_000;

export interface BrokerOnce {
  connection: AmqpConnection;
  /** The last warning or error of the connection. */
  lastError(): string;
}

/** An open connection. The caller stops it. */
export async function connectOnce(url: string, name: string): Promise<BrokerOnce> {
  let lastError = 'no answer';
  const remember: Logger['warn'] = (_message, fields) => {
    const error = fields?.error;
    if (error !== undefined) lastError = error instanceof Error ? error.message : String(error);
  };
  const logger: Logger = { debug: () => undefined, info: () => undefined, warn: remember, error: remember };
  const connection = new AmqpConnection({ url, name, logger });
  try {
    await inTime(connection.start(), REACH_TIMEOUT_MS, () => `no broker within ${REACH_TIMEOUT_MS} ms: ${lastError}`);
  } catch (error) {
    await connection.stop();
    throw error;
  }
  return { connection, lastError: () => lastError };
}

/** Rejects with `failure` if the work takes longer. */
export async function inTime(work: Promise<unknown>, timeoutMs: number, failure: () => string): Promise<void> {
  const deadline = new AbortController();
  const late = sleep(timeoutMs, undefined, { signal: deadline.signal }).then(() => {
    throw new Error(failure());
  });
  try {
    await Promise.race([work, late]);
  } finally {
    deadline.abort();
    late.catch(() => undefined); // Aborted.
    work.catch(() => undefined); // Too late: its outcome is not used.
  }
}

export function requireBrokerUrl({ amqpUrl }: { amqpUrl: string | undefined }): string {
  if (amqpUrl === undefined) throw new StartupError(['AMQP_URL is required']);
  return amqpUrl;
}
