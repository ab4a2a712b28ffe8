/**
 * A private broker and database that a scenario may stop, kill and fill, and a small file system for a part of the
 * database.
 */
import { join } from 'node:path';
import { type PostgresServer, startPostgres } from '../../src/infrastructure/embedded/postgres-server.js';
import { type RabbitmqNode, startRabbitmq } from '../../src/infrastructure/embedded/rabbitmq-node.js';
import { migrate } from '../../src/infrastructure/postgres/migrations.js';
import { migrationsFolder, scratchFolder } from '../support/services/services.js';
import { SmallDisk } from '../support/services/small-disk.js';

export class OwnServices {
  node: RabbitmqNode | undefined;
  server: PostgresServer | undefined;
  private readonly folder = scratchFolder('stage');
  private disk: SmallDisk | undefined;

  private constructor(private readonly settings: Record<string, string> | undefined) {}

  /** `database`: settings of a server, if there is to be one. */
  static async start(broker: boolean, database: Record<string, string> | undefined): Promise<OwnServices> {
    const own = new OwnServices(database);
    if (broker) own.node = await startRabbitmq({ folder: own.brokerFolder, port: 0 });
    if (database !== undefined) {
      own.server = await startPostgres({ folder: own.databaseFolder, settings: database });
      await migrate({ url: own.server.url, folder: migrationsFolder });
    }
    return own;
  }

  get brokerFolder(): string {
    return join(this.folder, 'rabbitmq');
  }

  get databaseFolder(): string {
    return join(this.folder, 'postgres');
  }

  /** Mounted at the first call, there until all of it is stopped. */
  smallDisk(mib: number): SmallDisk {
    this.disk ??= SmallDisk.mount(join(this.folder, 'disk'), mib);
    return this.disk;
  }

  /** Where it was. */
  async startBroker(): Promise<void> {
    if (this.node === undefined) throw new Error('this stage has no broker of its own');
    this.node = await startRabbitmq({ folder: this.brokerFolder, port: this.node.port });
  }

  /** Where it was, also one that has ended by itself. */
  async startDatabase(): Promise<void> {
    if (this.server === undefined) throw new Error('this stage has no database of its own');
    const { settings = {}, server } = this;
    this.server = await startPostgres({ folder: this.databaseFolder, settings, port: server.port });
  }

  async stop(): Promise<void> {
    await this.node?.kill();
    await this.server?.stop('immediate');
    this.disk?.unmount();
  }
}
