/**
 * Distinguishes a PostgreSQL server that is temporarily unavailable from one with a permanent error that an operator
 * must fix.
 *
 * Raw: the driver's own error distinguishes them, and no pool is needed.
 */
import pg from 'pg';

const CONNECT_TIMEOUT_MS = 5_000;

/** System calls in network errors. */
const NETWORK_CALLS = new Set(['getaddrinfo', 'connect', 'read', 'write']);
/** Transient SQLSTATE classes: connection exception; too many connections and the like; starting up, shutting down. */
const PASSING_CLASSES = new Set(['08', '53', '57']);
/** Error texts of the driver that have no code. */
const DRIVER_WORDS = /^(timeout expired|Connection terminated( unexpectedly)?)$/;

/**
 * Connects once. Resolves with null if the server is available. Resolves with one line of explanation if it is
 * unavailable: there is no answer, it is starting, or its name is unknown (DNS may get the name later). Rejects for
 * permanent errors: a wrong password, a missing database, an untrusted certificate, …
 */
export async function probePostgres(url: string): Promise<string | null> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: CONNECT_TIMEOUT_MS });
  client.on('error', () => undefined); // A broken connection also fails the pending call.
  try {
    await client.connect();
    return null;
  } catch (error) {
    const failures: unknown[] = error instanceof AggregateError ? error.errors : [error];
    const absences = failures.map(absence).filter((why) => why !== null);
    if (absences.length === 0) throw error;
    return absences.join('; ');
  } finally {
    client.end().catch(() => undefined); // Not awaited: a server without an answer may never close the connection.
  }
}

function absence(error: unknown): string | null {
  if (!(error instanceof Error)) return null;
  const { code, syscall, message } = error as NodeJS.ErrnoException;
  if (syscall === 'getaddrinfo') return `the host's name is not known, or not yet: ${message}`;
  if (syscall !== undefined) return NETWORK_CALLS.has(syscall) ? message : null;
  if (error instanceof pg.DatabaseError) return PASSING_CLASSES.has(code?.slice(0, 2) ?? '') ? message : null;
  return DRIVER_WORDS.test(message) ? `the server does not answer like PostgreSQL: ${message}` : null;
}
