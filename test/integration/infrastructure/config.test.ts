import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { readConfig, variable } from '../../../src/infrastructure/config/config.js';
import {
  boolean,
  byteSize,
  duration,
  integer,
  oneOf,
  port,
  text,
  url,
} from '../../../src/infrastructure/config/config-values.js';
import { scratchFolder } from '../../support/services/services.js';

const declarations = {
  port: variable({ name: 'PORT', parse: port, default: '8002', describe: 'where it listens' }),
  wait: variable({ name: 'WAIT', parse: duration({ max: 60_000 }), default: '5s', describe: 'how long it waits' }),
  database: variable({ name: 'DATABASE_URL', parse: url('postgresql', 'postgres'), describe: 'the database' }),
  key: variable({ name: 'KEY', parse: text({ minLength: 8 }), describe: 'the key', secret: true }),
};

const missing = '/nonexistent/.env';

describe('reading the configuration', () => {
  it('prefers the environment to the .env file to the default, and reports the source of each value', () => {
    const file = join(scratchFolder('config'), '.env');
    writeFileSync(file, '# comment\nPORT=1\nWAIT="250ms"\n');
    const { values, entries, faults } = readConfig(declarations, { environment: { PORT: '2' }, file });

    expect(faults).to.deep.equal([]);
    expect(values).to.deep.equal({ port: 2, wait: 250 });
    expect(entries.map(({ name, source, shown }) => [name, source, shown])).to.deep.equal([
      ['PORT', 'environment', '2'],
      ['WAIT', '.env', '250ms'],
      ['DATABASE_URL', 'unset', ''],
      ['KEY', 'unset', ''],
    ]);
  });

  it('uses defaults for unset and empty values', () => {
    const { values, entries } = readConfig(declarations, { environment: { PORT: '', WAIT: ' ' }, file: missing });
    expect(values).to.deep.equal({ port: 8002, wait: 5000 });
    expect(entries.map(({ source }) => source)).to.deep.equal(['default', 'default', 'unset', 'unset']);
  });

  it('collects every fault, one line each', () => {
    const file = join(scratchFolder('config'), '.env');
    writeFileSync(file, 'WAIT=2h\n');
    const environment = { PORT: '70000', DATABASE_URL: 'mysql://user:hidden@host/db', KEY: 'short' };
    const { faults } = readConfig(declarations, { environment, file });
    expect(faults).to.deep.equal([
      'PORT "70000" must be a port (0 to 65535)',
      'WAIT "2h" must be at most 60000ms (from .env)',
      'DATABASE_URL "mysql://user:***@host/db" must be a URL that starts with postgresql:// or postgres://',
      'KEY must be at least 8 characters long',
    ]);
  });

  it('shows neither secrets nor passwords in URLs', () => {
    const environment = { DATABASE_URL: 'postgresql://user:hidden@host/db', KEY: 'a-long-enough-key' };
    const { values, entries } = readConfig(declarations, { environment, file: missing });
    expect(values.key).to.equal('a-long-enough-key');
    expect(values.database).to.equal('postgresql://user:hidden@host/db');
    expect(entries.map(({ shown }) => shown)).to.include.members(['postgresql://user:***@host/db', '(hidden)']);
    expect(JSON.stringify(entries)).to.not.include('hidden@').and.not.include('a-long-enough-key');
  });

  const accepted: [string, (value: string) => unknown, string, unknown][] = [
    ['durations in milliseconds', duration(), '250ms', 250],
    ['durations in seconds', duration(), '5s', 5000],
    ['durations with a fraction', duration(), '1.5s', 1500],
    ['durations in hours', duration(), '24h', 86_400_000],
    ['durations in days', duration(), '7d', 604_800_000],
    ['binary sizes', byteSize(), '1GiB', 1_073_741_824],
    ['sizes in KB, as many write it', byteSize(), '2KB', 2000],
    ['binary sizes of fractions', byteSize(), '0.5KiB', 512],
    ['decimal sizes', byteSize(), '100MB', 100_000_000],
    ['whole numbers', integer({ min: -1 }), '-1', -1],
    ['any free port', port, '0', 0],
    ['a choice', oneOf('json', 'pretty'), 'json', 'json'],
    ['yes', boolean, 'yes', true],
    ['URLs', url('amqp', 'amqps'), 'amqp://guest:guest@localhost:5672/%2F', 'amqp://guest:guest@localhost:5672/%2F'],
  ];
  for (const [what, parse, value, expected] of accepted) {
    it(`reads ${what}: ${value}`, () => expect(parse(value)).to.equal(expected));
  }

  const refused: [string, (value: string) => unknown, string, RegExp][] = [
    ['a duration without a unit', duration(), '5', /must be a duration such as/],
    ['a negative duration', duration(), '-5s', /must be a duration/],
    ['a duration below its bound', duration({ min: 1000 }), '10ms', /at least 1000ms/],
    ['a size with a unit of time', byteSize(), '5s', /must be a size/],
    ['a size over its bound', byteSize({ max: 1024 }), '2KiB', /at most 1024 bytes/],
    ['a number with a tail', integer(), '8x', /whole number/],
    ['a number with a fraction', integer(), '1.5', /whole number/],
    ['a number beyond its bounds', integer({ min: 2, max: 200 }), '1', /^must be a whole number from 2 to 200$/],
    ['a word where a bounded number belongs', integer({ min: 1 }), 'x', /^must be a whole number, 1 or more$/],
    ['a port in hexadecimal', port, '0x50', /must be a port/],
    ['a word that is no choice', oneOf('json', 'pretty'), 'xml', /must be json or pretty/],
    ['a word that is neither true nor false', boolean, 'maybe', /true or false/],
    ['a URL of another kind', url('amqp'), 'http://host', /starts with amqp:/],
    ['a URL without a host', url('postgresql'), 'postgresql:///db', /names a host/],
    ['no URL at all', url('amqp'), 'localhost:5672', /must be a URL/],
    ['a text that does not match', text({ pattern: /^[a-z]+$/, expected: 'lower-case' }), 'A', /must be lower-case/],
  ];
  for (const [what, parse, value, expected] of refused) {
    it(`refuses ${what}: ${value}`, () => expect(() => parse(value)).to.throw(expected));
  }
});
