/** docs/bounds.md names constants and settings, and what the constants are. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { projectFolder } from '../../support/services/services.js';

const page = readFileSync(join(projectFolder, 'docs', 'bounds.md'), 'utf8');

/** A number and what follows it, after a name in code marks. */
const NAMED = /`([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)`(?: ([0-9][0-9,]*)(?: (KiB|MiB|Mi|s|ms)\b)?)?/g;
const UNITS: Record<string, number> = { KiB: 1024, MiB: 1024 ** 2, Mi: 1024 ** 2, s: 1000, ms: 1 };
/** A constant that is a number, or a product of numbers. */
const CONSTANT = /^(?:export )?const ([A-Z][A-Z0-9_]*) = ([0-9_]+(?: \* [0-9_]+)*);/gm;
const SETTING = /name: '([A-Z0-9_]+)'/g;

const sources = readdirSync(join(projectFolder, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts') && !path.includes('generated'))
  .map((path) => readFileSync(join(projectFolder, 'src', path), 'utf8'));

describe('The page of bounds', () => {
  const constants = new Map<string, number>();
  const settings = new Set<string>();
  for (const source of sources) {
    for (const [, name = '', product = ''] of source.matchAll(CONSTANT))
      constants.set(
        name,
        product.split(' * ').reduce((result, factor) => result * Number(factor.replaceAll('_', '')), 1),
      );
    for (const [, name = ''] of source.matchAll(SETTING)) settings.add(name);
  }

  it('names existing constants with their values', () => {
    const named = [...page.matchAll(NAMED)];
    expect(named).to.have.length.above(50);
    for (const [, name = '', digits, unit] of named) {
      if (settings.has(name)) continue;
      expect(constants.has(name), `${name} is neither a constant nor a setting`).to.equal(true);
      if (digits === undefined) continue;
      const value = Number(digits.replaceAll(',', '')) * (unit === undefined ? 1 : (UNITS[unit] ?? Number.NaN));
      expect(value, name).to.equal(constants.get(name));
    }
  });
});
