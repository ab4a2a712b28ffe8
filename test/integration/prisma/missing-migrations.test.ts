import { cpSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { assertMigrated } from '../../../src/adapters/stores/prisma/prisma-database.js';
import { migrate } from '../../../src/infrastructure/postgres/migrations.js';
import { rejection } from '../../conformance/store/fixtures.js';
import { emptyDatabase, migrationsFolder, scratchFolder } from '../../support/services/services.js';
import { prismaStore } from './prisma-harness.js';

/** Migrations without which every process still works: what they bring only makes things cheaper. */
const DISPENSABLE: readonly string[] = [];

describe('A database with missing migrations', () => {
  it('is refused by every process, for any missing migration', async () => {
    const migrations = readdirSync(migrationsFolder)
      .filter((name) => /^\d/.test(name))
      .sort();
    const folder = scratchFolder('not-all-migrations');
    const url = await emptyDatabase();
    for (const [index, name] of migrations.entries()) {
      cpSync(join(migrationsFolder, name), join(folder, name), { recursive: true });
      await migrate({ url, folder });
      const { database, close } = prismaStore(url);
      try {
        const isComplete = migrations.slice(index + 1).every((later) => DISPENSABLE.includes(later));
        if (isComplete) await assertMigrated(database);
        else {
          const error = await rejection(assertMigrated(database));
          expect((error as Error).message, name).to.match(/is not migrated \(missing: .+\): run `parley migrate`$/);
        }
      } finally {
        await close();
      }
    }
  });
});
