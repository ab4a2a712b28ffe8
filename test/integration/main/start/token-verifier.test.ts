import { expect } from 'chai';
import type { Logger } from '../../../../src/infrastructure/logging/logger.js';
import { readSettings } from '../../../../src/main/settings.js';
import { tokenVerifierOf } from '../../../../src/main/token-verifier.js';

const JWT_JWKS_URL = 'https://issuer.example/keys';
const SECRET = 'a secret of the tests, long enough to sign with';

describe('The proof of an actor', () => {
  function warningsWith(over: object): string[] {
    const warnings: string[] = [];
    const unheard = () => undefined;
    const logger: Logger = { debug: unheard, info: unheard, error: unheard, warn: (message) => warnings.push(message) };
    tokenVerifierOf({ ...readSettings([]).settings, ...over }, logger);
    return warnings;
  }

  it('by a key set warns where tokens for others would be accepted too', () => {
    const bySet = { jwtJwksUrl: JWT_JWKS_URL };
    const warning = (name: string) => `${name} is not set: tokens that the same keys sign for others are accepted too`;
    expect(warningsWith(bySet)).to.deep.equal([warning('JWT_ISSUER'), warning('JWT_AUDIENCE')]);
    expect(warningsWith({ ...bySet, jwtIssuer: 'https://issuer.example/' })).to.deep.equal([warning('JWT_AUDIENCE')]);
    expect(warningsWith({ ...bySet, jwtIssuer: 'https://issuer.example/', jwtAudience: 'chat' })).to.deep.equal([]);
  });

  it('by a secret of our own does not', () => {
    expect(warningsWith({ jwtSecret: SECRET })).to.deep.equal([]);
  });
});
