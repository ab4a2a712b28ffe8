import { expect } from 'chai';
import { USER_ID_PATTERN } from '../../../src/contract/messages/identifiers.js';

describe('A user id', () => {
  for (const id of ['alice', 'auth0|5f7c8ec7', 'google-oauth2|1', '_svc', '-x', '__proto__x', '0', 'a'.repeat(128)])
    it(`may be ${id.slice(0, 20)}`, () => {
      expect(id).to.match(USER_ID_PATTERN);
    });

  for (const id of [
    '',
    '|a',
    '.a',
    '@a',
    ':a',
    '+a',
    'a b',
    'a/b',
    'a*',
    'a#',
    'a\\b',
    'é',
    '__proto__',
    'a\n',
    'a'.repeat(129),
  ])
    it(`may not be ${JSON.stringify(id.slice(0, 20))}`, () => {
      expect(id).not.to.match(USER_ID_PATTERN);
    });
});
