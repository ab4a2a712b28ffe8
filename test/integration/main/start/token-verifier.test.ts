import { expect } from 'chai';
import type { Logger } from '../../../../src/infrastructure/logging/logger.js';
import { readSettings } from '../../../../src/main/settings.js';
import { tokenVerifierOf } from '../../../../src/main/token-verifier.js';

const JWT_JWKS_URL = 'https://issuer.example/keys';
const SECRET = 'a secret of the tests, long enough to sign with';

describe('The token verifier', () => {
  function warningsWith(over: object): string[] {
    const warnings: string[] = [];
    const unheard = () => undefined;
    const logger: Logger = { debug: unheard, info: unheard, error: unheard, warn: (message) => warnings.push(message) };
    tokenVerifierOf({ ...readSettings([]).settings, ...over }, logger);
    return warnings;
  }

  it('with a key set logs a warning if tokens for other audiences are accepted', () => {
    const bySet = { jwtJwksUrl: JWT_JWKS_URL };
    const warning = (name: string) => `${name} is not set: tokens that the same keys sign for others are accepted too`;
    expect(warningsWith(bySet)).to.deep.equal([warning('JWT_ISSUER'), warning('JWT_AUDIENCE')]);
    expect(warningsWith({ ...bySet, jwtIssuer: 'https://issuer.example/' })).to.deep.equal([warning('JWT_AUDIENCE')]);
    expect(warningsWith({ ...bySet, jwtIssuer: 'https://issuer.example/', jwtAudience: 'chat' })).to.deep.equal([]);
  });

  it('with our own secret logs no warning', () => {
    expect(warningsWith({ jwtSecret: SECRET })).to.deep.equal([]);
  });
});
