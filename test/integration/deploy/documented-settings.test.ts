/** docs/settings.md has a row for each setting, with its default. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Variable } from '../../../src/infrastructure/config/config.js';
import { variables } from '../../../src/main/settings.js';
import { projectFolder } from '../../support/services/services.js';

describe('docs/settings.md', () => {
  it('lists every setting once, with its default, and no other', () => {
    const page = readFileSync(join(projectFolder, 'docs', 'settings.md'), 'utf8');
    const rows = [...page.matchAll(/^\| `([A-Z_]+)` \| (.*?) \|/gm)].map(([, name = '', value = '']) => ({
      name,
      value,
    }));
    const declared = Object.values<Variable<unknown>>(variables);
    expect(rows.map(({ name }) => name)).to.have.members(declared.map(({ name }) => name));
    for (const { name, default: expected } of declared)
      if (expected !== undefined)
        expect(rows.find((row) => row.name === name)?.value.replaceAll('`', ''), name).to.equal(expected);
  });
});
