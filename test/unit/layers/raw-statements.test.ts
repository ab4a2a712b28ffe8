/** The boundary of ADR 0020, as far as a text can be checked for it. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';

const STORE = join('src', 'adapters', 'stores', 'prisma');
const GENERATED = join(STORE, 'generated');
/** Places that use the driver itself, before there is a store or beside it. */
const DRIVER = join('src', 'infrastructure');

const files = (folder: string) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((path) => path.endsWith('.ts') && !path.startsWith(GENERATED))
    .map((path) => ({ path, text: readFileSync(path, 'utf8') }));

describe('Statements of the PostgreSQL store', () => {
  it('that are raw give a reason in their file', () => {
    const raw = [
      ...files(STORE).filter(({ text }) => /\$(queryRaw|executeRaw)/.test(text)),
      ...files(DRIVER).filter(({ text }) => /new pg\.Client|extends pg\.Client/.test(text)),
    ];
    expect(raw.length).to.be.greaterThan(15);
    expect(raw.filter(({ text }) => !/^\s*(\*|\/\/) Raw: /m.test(text)).map(({ path }) => path)).to.deep.equal([]);
  });

  it('that are typed are one statement with a constant text', () => {
    // findUnique merges the calls of a moment into one statement; the others are several statements or read the clock
    // of this process.
    const unfit = /\.(findUnique\w*|upsert|create(Many\w*)?|connectOrCreate)\(|\binclude:|\bcursor:/;
    const found = files(STORE).flatMap(({ path, text }) =>
      text.split('\n').flatMap((line, index) => (unfit.test(line) ? [`${path}:${index + 1} ${line.trim()}`] : [])),
    );
    expect(found).to.deep.equal([]);
  });
});
