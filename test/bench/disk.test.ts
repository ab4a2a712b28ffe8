import { expect } from 'chai';
import { diskFigures, tableSizes } from '../../bench/measuring/disk.js';
import { query } from '../../bench/running/private-services.js';
import { freshDatabase } from '../support/services/services.js';

describe("the bench's disk figures", () => {
  const measured = async (...prepare: string[]) => {
    const url = await freshDatabase();
    for (const sql of prepare) await query(url, sql);
    return diskFigures(await tableSizes(url), await tableSizes(url), 1);
  };

  it('name each table and index', async () => {
    const { parts, missing } = await measured();
    expect(parts.map(({ name }) => name)).to.include.members([
      'messages',
      'messages_pkey',
      'chat_events',
      'receipts_0',
      'message_search',
    ]);
    expect(missing).to.deep.equal([]);
  });

  it('count a missing index or table as 0, and name it', async () => {
    const figures = await measured('DROP INDEX message_search_words_idx', 'DROP TABLE decisions');
    expect(figures).to.include({ searchIndex: 0, decisions: 0 });
    expect(figures.missing).to.deep.equal(['decisions', 'message_search_words_idx']);
  });
});
