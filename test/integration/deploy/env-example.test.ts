import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Variable } from '../../../src/infrastructure/config/config.js';
import { variables } from '../../../src/main/settings.js';
import { projectFolder } from '../../support/services/services.js';

describe('.env.example', () => {
  it('lists every variable of Parley with description and default, and no other', () => {
    const [, ...entries] = readFileSync(join(projectFolder, '.env.example'), 'utf8').trimEnd().split('\n\n');
    const declared = Object.values<Variable<unknown>>(variables);
    expect(entries).to.deep.equal(
      declared.map(({ name, describe: line, default: value = '' }) => `# ${line}\n# ${name}=${value}`),
    );
  });
});
