import pg from 'pg';

/**
 * A client whose errors always have a listener. The pool listens while a client is idle and its user while it is in use, but in between,
 * when it is handed over, nobody does: a server that ends the session right then (a restart, `pg_terminate_backend`, a full server) would
 * end the whole process. Nothing is swallowed: whoever uses the client next is told that it is not usable.
 */
export class HeardPostgresClient extends pg.Client {
  constructor(config?: string | pg.ClientConfig) {
    super(config);
    this.on('error', () => undefined);
  }
}
