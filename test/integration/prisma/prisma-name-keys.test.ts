import { cpSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { nameKey } from '../../../src/domain/user.js';
import { migrate } from '../../../src/infrastructure/postgres/migrations.js';
import { emptyDatabase, migrationsFolder, scratchFolder } from '../../support/services/services.js';
import { prismaStore, withConnection } from './prisma-harness.js';

/** It fills in the keys. */
const MIGRATION = '20261129160300_user_search';
const NAMES = ['Alice A.', 'ÅLESUND', 'ΟΔΟΣ', 'Straße', 'ЖУК', '名前', 'x_Y%'];

describe('Profiles from before users were found by name', () => {
  it('are found after the migration, in upper or lower case', async () => {
    const folder = scratchFolder('before-name-keys');
    const url = await emptyDatabase();
    const migrations = readdirSync(migrationsFolder).filter((name) => /^\d/.test(name));
    expect(migrations).to.include(MIGRATION);
    const earlier = migrations.filter((name) => name < MIGRATION);
    for (const name of earlier) cpSync(join(migrationsFolder, name), join(folder, name), { recursive: true });
    await migrate({ url, folder });
    await withConnection(url, (sql) =>
      sql.query(
        `INSERT INTO users (tenant_id, user_id, display_name, kind, metadata, revision, created_at, updated_at)
         SELECT 'default', 'user-' || n, name, 'human', '{}', 1, now(), now() FROM unnest($1::text[]) WITH ORDINALITY AS w(name, n)`,
        [NAMES],
      ),
    );
    await migrate({ url, folder: migrationsFolder });
    const { queries, close } = prismaStore(url);
    try {
      for (const name of NAMES) {
        const search = { tenantId: 'default', kinds: ['human' as const], prefix: nameKey(name.toUpperCase()) };
        const found = await queries.searchUsers(search, null, 9);
        // The upper case of ß has two letters, which no lower case makes one again.
        expect(found.map(({ profile }) => profile?.displayName)).to.deep.equal(name === 'Straße' ? [] : [name]);
      }
    } finally {
      await close();
    }
  });
});
