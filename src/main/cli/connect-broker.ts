/** The broker for one command: reached at once, or said in one line why not. */
import { setTimeout as sleep } from 'node:timers/promises';
import { AmqpConnection } from '../../infrastructure/amqp/amqp-connection.js';
import type { Logger } from '../../infrastructure/logging/logger.js';

/** How long a broker is looked for. */
const REACH_TIMEOUT_MS = 5_000;

export interface BrokerOnce {
  connection: AmqpConnection;
  /** What the connection complained of last. */
  lastError(): string;
}

/** An open connection; whoever has it stops it. */
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

/** Rejects with `failure` where the work takes longer. */
export async function inTime(work: Promise<unknown>, timeoutMs: number, failure: () => string): Promise<void> {
  const deadline = new AbortController();
  const late = sleep(timeoutMs, undefined, { signal: deadline.signal }).then(() => {
    throw new Error(failure());
  });
  try {
    await Promise.race([work, late]);
  } finally {
    deadline.abort();
    late.catch(() => undefined); // aborted
    work.catch(() => undefined); // nobody waits for it any more
  }
}
