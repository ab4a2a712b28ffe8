import { expect } from 'chai';
import { time } from '../../../src/contract/messages/text.js';

describe('A time in a command', () => {
  const isAdmitted = (value: string) => time.safeParse(value).success;

  it('may have an offset, within the years 1 to 9999 of UTC', () => {
    for (const value of [
      '0001-01-01T00:00:00Z',
      '9999-12-31T23:59:59.999Z',
      '9999-12-31T23:59:59+01:00',
      '2026-11-20T20:15:00+05:30',
    ])
      expect(isAdmitted(value), value).to.equal(true);
  });

  it('is invalid if its offset moves it outside these years', () => {
    for (const value of [
      '9999-12-31T23:59:59-01:00',
      '0001-01-01T00:00:00+01:00',
      '0000-12-31T23:59:59Z',
      '2026-02-30T00:00:00Z',
    ])
      expect(isAdmitted(value), value).to.equal(false);
  });
});
