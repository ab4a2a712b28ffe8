/** Tells a PostgreSQL server that is away, which passes by itself, from one that says no, which somebody has to mend. */
import pg from 'pg';

const CONNECT_TIMEOUT_MS = 5_000;

/** What the system was asked for when the network failed us. */
const NETWORK_CALLS = new Set(['getaddrinfo', 'connect', 'read', 'write']);
/** Classes of SQLSTATE that pass: connection exception; too many connections and the like; starting up, shutting down. */
const PASSING_CLASSES = new Set(['08', '53', '57']);
/** The driver's own words, which carry no code. */
const DRIVER_WORDS = /^(timeout expired|Connection terminated( unexpectedly)?)$/;

/**
 * Connects once. Resolves with null where the server is there, and with one line that says why not where it is away: nobody answers, it is
 * starting up, or its name is not known (a name can appear later than those who ask for it). Rejects with what no waiting
 * mends: a wrong password, no such database, a certificate that is not trusted, …
 */
export async function postgresAbsence(url: string): Promise<string | null> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: CONNECT_TIMEOUT_MS });
  client.on('error', () => undefined); // a broken connection also fails the call under way
  try {
    await client.connect();
    return null;
  } catch (error) {
    const failures: unknown[] = error instanceof AggregateError ? error.errors : [error];
    const absences = failures.map(absence).filter((why) => why !== null);
    if (absences.length === 0) throw error;
    return absences.join('; ');
  } finally {
    client.end().catch(() => undefined); // not awaited: who has not answered so far may never say goodbye
  }
}

function absence(error: unknown): string | null {
  if (!(error instanceof Error)) return null;
  const { code, syscall, message } = error as NodeJS.ErrnoException;
  if (syscall === 'getaddrinfo') return `the host's name is not known, or not yet: ${message}`;
  if (syscall !== undefined) return NETWORK_CALLS.has(syscall) ? message : null;
  if (error instanceof pg.DatabaseError) return PASSING_CLASSES.has(code?.slice(0, 2) ?? '') ? message : null;
  return DRIVER_WORDS.test(message) ? `nobody answers as PostgreSQL does: ${message}` : null;
}
