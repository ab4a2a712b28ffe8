/** The page as `npm run build` makes it. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { projectFolder } from '../../support/services/services.js';

/** The promise of the documentation. */
const GZIP_MAX_BYTES = 45 * 1024;
const folder = join(projectFolder, 'dist', 'web', 'chat');

describe('The built chat page', () => {
  const read = (name: string) => readFileSync(join(folder, name));

  it('has at most 45 KB after gzip, with style and client library', () => {
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => /\.\w+$/.test(name));
    expect(files.map((name) => name.replace(/-[\w-]{8}\./, '.'))).to.have.members([
      'assets/index.css',
      'assets/index.js',
      'icon.svg',
      'index.html',
    ]);
    const bytes = files.reduce((sum, name) => sum + gzipSync(read(name), { level: 9 }).length, 0);
    expect(bytes).to.be.below(GZIP_MAX_BYTES).and.above(10_000);
  });

  it('has nothing inline, and loads nothing from elsewhere', () => {
    const html = read('index.html').toString();
    expect(html).to.not.match(/<script(?![^>]* src=)|<style|\son\w+=|https?:/);
    for (const [, address = ''] of html.matchAll(/(?:src|href)="([^"]+)"/g)) expect(address).to.match(/^\.\//);
  });
});
