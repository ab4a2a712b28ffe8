/**
 * Classifies database failures by PostgreSQL's SQLSTATE, wherever Prisma hides it.
 *
 * Messages of the data classes can quote stored values, so they are left out. SQLSTATE and constraint are enough, and
 * message texts must never reach a log.
 */

import { SlowQuery } from '../../../application/ports/queries/slow-query.js';
import { StoreError } from '../../../application/ports/store/command-store.js';

/**
 * SQLSTATE classes of data errors: data exception, integrity constraint, program limit, and exceptions of an operator's
 * trigger. A retry would fail in the same way each time.
 */
const DATA_CLASSES = new Set(['22', '23', '54', 'P0']);

/**
 * SQLSTATE classes that can follow a COMMIT that took effect, or that leave this open: connection exception, operator
 * intervention, system error, internal error.
 */
const INDEFINITE_AT_COMMIT = new Set(['08', '57', '58', 'XX']);

/**
 * Codes of these classes that mean that nothing was committed: a statement that timed out or was cancelled (a commit is
 * never cancelled), and a server that is starting.
 */
const DEFINITE_AT_COMMIT = new Set(['57014', '57P03']);

/** No connection was available, so nothing was sent: two messages of pg-pool and one of Prisma. */
const NOT_CONNECTED =
  /timeout exceeded when trying to connect|Connection terminated due to connection timeout|Can't reach database server/;

/** SQLSTATEs with which the one-statement batch aborts itself. */
export const NOT_AS_READ = 'PY001';
export const NO_SUCH_CHAT = 'PY002';
/** SQLSTATE with which a probe aborts itself. */
export const PROBE_UNDONE = 'PY003';

/** query_canceled: by the statement timeout, or by an administrator. */
const TIMED_OUT = '57014';
/**
 * A transaction of several statements that took too long: Prisma's code, and words of its message, because Prisma also
 * uses the code for other errors.
 */
const TRANSACTION_EXPIRED = { code: 'P2028', words: /expired transaction/ };

/** lock_not_available, deadlock_detected, serialization_failure: conflicts with another transaction. */
const IN_THE_WAY = new Set(['55P03', '40P01', '40001']);

/**
 * Transient failures: connection exception, transaction rollback, insufficient resources, lock not available, operator
 * intervention, system error, and a session that was ended for being idle.
 */
const PASSING = /^(08|40|53|55|57|58|25P03)/;

/** For a failure before COMMIT was sent: nothing was written. */
export function toStoreError(error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  const report = serverReport(error);
  if (report?.sqlState === NOT_AS_READ)
    return contention('an owner, a batch of the partition, or a receipt of the same command');
  if (report?.sqlState === NO_SUCH_CHAT) return new StoreError('refused', 'a chat to change does not exist');
  if (report !== null && DATA_CLASSES.has(report.sqlState.slice(0, 2))) {
    const constraint = report.constraint === null ? '' : `, ${report.constraint}`;
    return new StoreError('refused', `the database refuses the data (SQLSTATE ${report.sqlState}${constraint})`);
  }
  if (report !== null && IN_THE_WAY.has(report.sqlState))
    return new StoreError('contention', `a concurrent transaction conflicts (SQLSTATE ${report.sqlState})`);
  if (report === null ? isExpired(error) : report.sqlState === TIMED_OUT)
    return new SlowQuery(`the statement timed out (${report?.sqlState ?? TRANSACTION_EXPIRED.code})`, {
      cause: error,
    });
  if (isUnstorable(error)) {
    return new StoreError('refused', `the data cannot be encoded (${error.name})`);
  }
  const what = report === null ? describe(error) : `SQLSTATE ${report.sqlState}: ${report.message}`;
  return new StoreError('unavailable', `the database is not available (${what})`, { cause: error });
}

/** For `.catch(…)` after one statement. */
export function rethrow(error: unknown): never {
  throw toStoreError(error);
}

/** Builds a statement from values. A failure means that nothing was sent. */
export function storable<T>(write: () => T): T {
  try {
    return write();
  } catch (error) {
    throw toStoreError(error);
  }
}

/** For `.catch(…)` after what commits. */
export function rethrowFromCommit(error: unknown): never {
  throw toCommitError(error);
}

/** For a failure after COMMIT was sent: the outcome is unknown unless the server gave a definite answer. */
function toCommitError(error: unknown): StoreError {
  const report = serverReport(error);
  if (report === null ? NOT_CONNECTED.test(describe(error)) : isDefinite(report)) return toStoreError(error);
  const what = report === null ? describe(error) : `SQLSTATE ${report.sqlState}: ${report.message}`;
  return new StoreError('unknown', `the outcome of the commit is unknown (${what})`, { cause: error });
}

function isDefinite({ sqlState }: ServerReport): boolean {
  return DEFINITE_AT_COMMIT.has(sqlState) || !INDEFINITE_AT_COMMIT.has(sqlState.slice(0, 2));
}

/** Whether a retry may succeed without a fix: the server did not answer, or said that it cannot do it now. */
export function passesByItself(error: unknown): boolean {
  if (!(error instanceof StoreError) || error.kind === 'refused') return false;
  const report = serverReport(error.cause);
  return report === null || PASSING.test(report.sqlState);
}

export function contention(what: string): StoreError {
  return new StoreError('contention', `conflict with ${what}`);
}

/** Whether a probe ended as intended. */
export function isProbeUndone(error: unknown): boolean {
  return serverReport(error)?.sqlState === PROBE_UNDONE;
}

function isExpired(error: unknown): boolean {
  const { code, words } = TRANSACTION_EXPIRED;
  return property(error, 'code') === code && words.test(describe(error));
}

interface ServerReport {
  sqlState: string;
  message: string;
  constraint: string | null;
}

/**
 * The server's own error. Queries reject with a `PrismaClientKnownRequestError` that has the driver adapter's error in
 * `meta`. COMMIT rejects with the driver adapter's error itself. For a lost connection there is none.
 */
function serverReport(error: unknown): ServerReport | null {
  const adapterError = property(property(error, 'meta'), 'driverAdapterError') ?? error;
  const cause = property(adapterError, 'cause');
  const sqlState = property(cause, 'originalCode');
  if (typeof sqlState !== 'string' || !/^[0-9A-Z]{5}$/.test(sqlState)) return null;
  const constraint = property(property(cause, 'constraint'), 'index');
  return {
    sqlState,
    message: String(property(cause, 'originalMessage')),
    constraint: typeof constraint === 'string' ? constraint : null,
  };
}

/**
 * JavaScript's own errors come from encoding or decoding values (a cycle, an invalid date). Errors of Node's I/O have a
 * code.
 */
function isUnstorable(error: unknown): error is Error {
  const ofTheLanguage = error instanceof TypeError || error instanceof RangeError || error instanceof SyntaxError;
  return ofTheLanguage && property(error, 'code') === undefined;
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = property(error, 'code');
  // Prisma's messages begin with an empty line or two.
  const message = error.message.trim().replace(/\s*\n\s*/g, ' ');
  // Prisma's message names the call first, and for raw statements wraps the error once more.
  const said = message.replace(/^Invalid `prisma\.\S+` invocation: /, '');
  const inner = /^Raw query failed\..*? Message: `(.*)`$/.exec(said)?.[1] ?? said;
  return typeof code === 'string' ? `${code}: ${inner}` : inner;
}

function property(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}
