import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { expect } from 'chai';
import { projectFolder } from '../../support/services/services.js';

const documents = [
  'README.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  ...readdirSync(join(projectFolder, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
];

/** As a heading becomes an anchor. */
function anchor(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\w\- ]/g, '')
    .replaceAll(' ', '-');
}

describe('The documents', () => {
  it('link only to existing files and headings', () => {
    let links = 0;
    for (const document of documents) {
      const text = readFileSync(join(projectFolder, document), 'utf8');
      for (const [, target = ''] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
        if (/^https?:/.test(target)) continue;
        links += 1;
        const [path = '', heading] = target.split('#');
        const file = path === '' ? join(projectFolder, document) : resolve(projectFolder, dirname(document), path);
        expect(existsSync(file), `${document}: ${target}`).to.equal(true);
        if (heading === undefined) continue;
        const headings = [...readFileSync(file, 'utf8').matchAll(/^#+ (.+)$/gm)].map(([, title = '']) => anchor(title));
        expect(headings, `${document}: ${target}`).to.include(heading);
      }
    }
    expect(links).to.be.greaterThan(0);
  });

  it('name only existing files of the project', () => {
    for (const document of documents) {
      const text = readFileSync(join(projectFolder, document), 'utf8');
      for (const [, path = ''] of text.matchAll(/`((?:src|test|examples|deploy|prisma|docs)\/[\w./-]+)`/g))
        expect(existsSync(join(projectFolder, path)), `${document}: ${path}`).to.equal(true);
    }
  });
});
