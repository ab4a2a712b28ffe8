import { join } from 'node:path';
import { endOrphanedPostgresSync, stopOrphanedPostgres } from '../../infrastructure/embedded/postgres-orphan.js';
import { type PostgresServer, startPostgres } from '../../infrastructure/embedded/postgres-server.js';
import { type RabbitmqNode, startRabbitmq } from '../../infrastructure/embedded/rabbitmq-node.js';
import { endOrphanedRabbitmqSync, stopOrphanedRabbitmq } from '../../infrastructure/embedded/rabbitmq-orphan.js';
import type { Service } from '../../infrastructure/process/service-runner.js';
import { rethrowAsStartupError } from '../../infrastructure/process/startup-error.js';
import type { ProcessBasics } from '../observability.js';

/** Which of the two `dev` brings along. What a killed start left running is ended in any case. */
interface Wanted {
  postgres: boolean;
  rabbitmq: boolean;
}

/** The private services: up before anything that needs them, down after it, and gone at once on a second Ctrl-C. */
export class PrivateServices implements Service {
  readonly name = 'private services';
  /** RabbitMQ takes some 6 s to stop in good order, and its own deadline is 30 s. */
  readonly stopTimeoutMs = 35_000;
  postgres: PostgresServer | null = null;
  rabbitmq: RabbitmqNode | null = null;
  private readonly folders: { postgres: string; rabbitmq: string };
  private state = { ok: false, detail: 'starting' };

  /** The caller holds the data folder's lock when it starts this. */
  constructor(
    dataDir: string,
    private readonly wanted: Wanted,
    private readonly basics: ProcessBasics,
  ) {
    this.folders = { postgres: join(dataDir, 'postgres'), rabbitmq: join(dataDir, 'rabbitmq') };
    if (wanted.postgres || wanted.rabbitmq) basics.health.add(this.name, () => this.state);
  }

  /** Rejects with what the first one of them said, once both have come up or failed. */
  async start(): Promise<void> {
    const outcomes = await Promise.allSettled([this.startPostgres(), this.startRabbitmq()]);
    for (const outcome of outcomes) if (outcome.status === 'rejected') rethrowAsStartupError(outcome.reason);
    this.state = { ok: true, detail: 'run' };
    this.watch('PostgreSQL', this.postgres);
    this.watch('RabbitMQ', this.rabbitmq);
  }

  async stop(): Promise<void> {
    this.state = { ok: false, detail: 'stopping' };
    await Promise.all([this.rabbitmq?.stop(), this.postgres?.stop()]);
  }

  abandon(): void {
    endOrphanedRabbitmqSync(this.folders.rabbitmq);
    endOrphanedPostgresSync(this.folders.postgres);
  }

  private async startPostgres(): Promise<void> {
    const folder = this.folders.postgres;
    if (this.wanted.postgres) this.postgres = await startPostgres({ folder });
    else await stopOrphanedPostgres(folder);
  }

  private async startRabbitmq(): Promise<void> {
    const folder = this.folders.rabbitmq;
    if (this.wanted.rabbitmq) this.rabbitmq = await startRabbitmq({ folder });
    else await stopOrphanedRabbitmq(folder);
  }

  /** Somebody else ended it, or it fell: nothing of ours can mend that but a new start. */
  private watch(name: string, server: PostgresServer | RabbitmqNode | null): void {
    void server?.ended.then(() => {
      if (!this.state.ok) return;
      this.state = { ok: false, detail: `the private ${name} has ended` };
      this.basics.logger.error(`the private ${name} has ended: stop and start again`);
    });
  }
}
