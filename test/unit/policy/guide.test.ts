/** Checks that the commands of docs/policy.md work as described. */
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { cli } from '../../integration/main/cli/run-cli.js';
import { projectFolder, scratchFolder } from '../../support/services/services.js';

const guide = readFileSync(join(projectFolder, 'docs', 'policy.md'), 'utf8');
const [rule = '', cases = ''] = [...guide.matchAll(/```yaml\n(.*?)```/gs)].map(([, block]) => block ?? '');

describe('The guide to the policy', () => {
  let folder: string;
  before(() => {
    folder = scratchFolder('guide');
    mkdirSync(join(folder, 'cases'));
    const ours = readFileSync(join(projectFolder, 'policy', 'default.yaml'), 'utf8');
    writeFileSync(join(folder, 'policy.yaml'), ours.replace('\nrules:\n', `\nrules:\n${rule}`));
    copyFileSync(
      join(projectFolder, 'test', 'unit', 'policy', 'default.cases.yaml'),
      join(folder, 'cases', 'default.cases.yaml'),
    );
    writeFileSync(join(folder, 'cases', 'cases.yaml'), cases);
  });
  const tried = () => cli(['policy', 'test', join(folder, 'cases'), '--policy', join(folder, 'policy.yaml')]);

  it('adds a rule with its cases in at most ten lines of YAML', () => {
    const lines = `${rule}${cases}`.trim().split('\n');
    expect(lines.length).to.be.at.most(10);
  });

  it('ends with the line that it shows', async () => {
    const { code, stdout } = await tried();
    const shown = /`default-1@… (\d+ passed, 0 failed)`/.exec(guide)?.[1];
    expect({ code, last: stdout.at(-1)?.replace(/^\S+: /, '') }).to.deep.equal({ code: 0, last: shown });
  });

  it('fails without the rule, and without its cases', async () => {
    const whole = readFileSync(join(folder, 'policy.yaml'), 'utf8');
    writeFileSync(join(folder, 'policy.yaml'), whole.replace(rule, ''));
    const without = await tried();
    expect(without.code).to.equal(1);
    expect(without.stdout[0]).to.match(/^failed: a guest .*expected deny by guests-send-no-links, came permit/);
    writeFileSync(join(folder, 'policy.yaml'), whole);
    writeFileSync(join(folder, 'cases', 'cases.yaml'), cases.replace(/.*name: a guest.*\n/, ''));
    const unseen = await tried();
    expect(unseen).to.deep.include({ code: 1 });
    expect(unseen.stdout[0]).to.equal('no case reaches the rule guests-send-no-links');
  });
});
