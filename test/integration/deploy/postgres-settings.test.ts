import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import pg from 'pg';
import { parse } from 'yaml';
import { startPostgres } from '../../../src/infrastructure/embedded/postgres-server.js';
import {
  machineMemory,
  postgresSettings,
  SHARE_OF_A_SHARED_MACHINE,
  WITH_LZ4,
} from '../../../src/infrastructure/embedded/postgres-settings.js';
import { projectFolder, scratchFolder } from '../../support/services/services.js';

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;
const NO_LIMIT = 2 ** 64;
const file = (path: string) => readFileSync(join(projectFolder, path), 'utf8');

describe("PostgreSQL's settings", () => {
  it('are those of the operating guide, for each amount of memory', () => {
    const rows = [...file('docs/operating.md').matchAll(/^\| (\d+) (MB|GB) \| (.+) \|$/gm)];
    expect(rows).to.have.length(8);
    for (const [, count, unit, values = ''] of rows) {
      const settings = Object.values(postgresSettings(Number(count) * (unit === 'GB' ? GIB : MIB)));
      expect(values.split(' | '), `${count} ${unit}`).to.deep.equal(settings);
    }
  });

  it('in docker-compose.yml are those of a machine of 8 GB that everything shares', () => {
    const { services } = parse(file('docker-compose.yml'), { merge: true }) as {
      services: { postgres: { command: string[] } };
    };
    const wanted = Object.entries({ ...postgresSettings(8 * GIB * SHARE_OF_A_SHARED_MACHINE), ...WITH_LZ4 });
    expect(services.postgres.command).to.deep.equal([
      'postgres',
      ...wanted.flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ]);
  });

  it('grow with the memory within bounds, in whole megabytes', () => {
    for (const gigabytes of [0.25, 0.3, 1, 7.77, 100, 2_000])
      for (const value of Object.values(postgresSettings(gigabytes * GIB))) expect(value).to.match(/^\d+(MB|min)$/);
    expect(postgresSettings(GIB / 4)).to.include({ shared_buffers: '128MB', max_wal_size: '1024MB' });
    expect(postgresSettings(2_000 * GIB)).to.include({ shared_buffers: '8192MB', max_wal_size: '16384MB' });
  });

  it('see the memory of the container, if that has a limit', () => {
    expect(machineMemory(8 * GIB, 2 * GIB)).to.equal(2 * GIB);
    for (const none of [undefined, 0, NO_LIMIT]) expect(machineMemory(8 * GIB, none)).to.equal(8 * GIB);
    expect(machineMemory()).to.be.above(64 * MIB);
  });

  it('are in effect in an embedded server, and may be replaced', async () => {
    const server = await startPostgres({
      ...{ folder: scratchFolder('pg-settings'), settings: { fsync: 'off', max_wal_size: '3GB' } },
    });
    const client = new pg.Client({ connectionString: server.url });
    try {
      await client.connect();
      const settings = postgresSettings(machineMemory() * SHARE_OF_A_SHARED_MACHINE);
      const { rows } = await client.query(
        'SELECT name, pg_size_bytes(current_setting(name)) AS bytes FROM pg_settings WHERE name = ANY ($1) ORDER BY name',
        [['effective_cache_size', 'max_wal_size', 'shared_buffers']],
      );
      const bytes = (value = '0MB') => String(Number(value.replace('MB', '')) * MIB);
      expect(rows).to.deep.equal([
        { name: 'effective_cache_size', bytes: bytes(settings.effective_cache_size) },
        { name: 'max_wal_size', bytes: String(3 * GIB) },
        { name: 'shared_buffers', bytes: bytes(settings.shared_buffers) },
      ]);
      const compression = await client.query("SELECT enumvals FROM pg_settings WHERE name = 'wal_compression'");
      expect(compression.rows[0].enumvals, 'with lz4 it could use WITH_LZ4').to.not.include('lz4');
    } finally {
      await client.end();
      await server.stop('immediate');
    }
  });
});
