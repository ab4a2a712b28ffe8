import pg from 'pg';

/**
 * A client whose errors always have a listener. The pool listens while a client is idle, and its user listens while it
 * is in use, but no listener exists during the hand-over. If the server ends the session at that moment (a restart,
 * `pg_terminate_backend`, a full server), the unhandled error would end the process. No error is lost: the next use of
 * the client fails.
 *
 * Raw: it is the connection on which Prisma's client works.
 */
export class SafePgClient extends pg.Client {
  constructor(config?: string | pg.ClientConfig) {
    super(config);
    this.on('error', () => undefined);
  }
}
