import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { expect } from 'chai';

const FIXTURES = 'test/unit/layers/fixtures';

interface CruiseReport {
  summary: { violations: { from: string; rule: { name: string } }[] };
}

/** Runs the project's own rules over the planted tree. */
function offenders(): Set<string> {
  const { stdout } = spawnSync(
    process.execPath,
    [
      'node_modules/dependency-cruiser/bin/dependency-cruise.mjs',
      '--config',
      '.dependency-cruiser.cjs',
      '--output-type',
      'json',
      FIXTURES,
    ],
    { encoding: 'utf8', env: { ...process.env, PARLEY_LAYERS_ROOT: FIXTURES }, maxBuffer: 64 * 1024 * 1024 },
  );
  const report = JSON.parse(stdout) as CruiseReport;
  return new Set(report.summary.violations.map(({ from }) => from.slice(FIXTURES.length + 1)));
}

describe('The layers', () => {
  const planted = readdirSync(FIXTURES, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
  const forbidden = planted.filter((file) => /(imports-|does-|cycle-)[a-z-]+\.ts$/.test(file));
  let found: Set<string>;

  before(() => {
    found = offenders();
  });

  for (const file of forbidden)
    it(`refuse ${file.replace(/\.ts$/, '').replaceAll('/', ': ').replaceAll('-', ' ')}`, () => {
      expect([...found]).to.include(file);
    });

  it('accept imports that follow the rules', () => {
    expect([...found].filter((file) => !forbidden.includes(file))).to.deep.equal([]);
  });
});
