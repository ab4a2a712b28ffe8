/**
 * A real issuer of tokens on loopback: OpenID Connect discovery, a key set, and tokens by client credentials for a
 * resource.
 */
import { createServer, type Server } from 'node:http';
import { exportJWK, generateKeyPair } from 'jose';
import Provider from 'oidc-provider';
import { freePort } from '../../../src/infrastructure/free-port.js';

/** The public client of a page in a browser. */
export const PAGE_CLIENT_ID = 'page';
const CLIENT_ID = 'gateway';
const CLIENT_SECRET = 'known to the tests alone';
const TOKEN_TTL_SECONDS = 600;

export class OidcIssuer {
  /** Additional claims of its tokens. */
  claims: object = {};

  private constructor(
    readonly url: string,
    /** From its discovery document. */
    readonly jwksUrl: string,
    private readonly tokenUrl: string,
    private readonly server: Server,
  ) {}

  /** `page`: the redirect URI of a page in a browser, whose users sign in with any name and password. */
  static async start({ page }: { page?: string } = {}): Promise<OidcIssuer> {
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const { privateKey } = await generateKeyPair('ES256', { extractable: true });
    let issuer: OidcIssuer | null = null;
    const provider = new Provider(url, {
      clients: [
        {
          ...{ client_id: CLIENT_ID, client_secret: CLIENT_SECRET, grant_types: ['client_credentials'] },
          ...{ redirect_uris: [], response_types: [], id_token_signed_response_alg: 'ES256' },
        },
        ...(page === undefined ? [] : [pageClient(page)]),
      ],
      jwks: { keys: [{ ...(await exportJWK(privateKey)), alg: 'ES256', use: 'sig', kid: 'of-the-tests' }] },
      cookies: { keys: ['signs the cookies of the tests'] },
      features: {
        devInteractions: { enabled: page !== undefined },
        clientCredentials: { enabled: true },
        // Without a resource, access tokens are opaque and not JWTs.
        resourceIndicators: {
          enabled: true,
          getResourceServerInfo: (_, audience) => ({
            ...{ audience, scope: '', accessTokenFormat: 'jwt', accessTokenTTL: TOKEN_TTL_SECONDS },
            jwt: { sign: { alg: 'ES256' } },
          }),
        },
      },
      clientBasedCORS: () => page !== undefined,
      extraTokenClaims: () => issuer?.claims ?? {},
    });
    const handle = provider.callback();
    const server = createServer((request, response) => void handle(request, response));
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    const discovery = await fetch(`${url}/.well-known/openid-configuration`);
    const { issuer: named, jwks_uri: jwksUrl, token_endpoint: tokenUrl } = (await discovery.json()) as Discovery;
    issuer = new OidcIssuer(named, jwksUrl, tokenUrl, server);
    return issuer;
  }

  /** An access token for a resource: its audience. */
  async token(resource: string): Promise<string> {
    const answer = await fetch(this.tokenUrl, {
      method: 'POST',
      headers: { authorization: `Basic ${btoa(`${CLIENT_ID}:${encodeURIComponent(CLIENT_SECRET)}`)}` },
      body: new URLSearchParams({ grant_type: 'client_credentials', resource }),
    });
    const body = (await answer.json()) as { access_token?: string; token_type?: string };
    if (body.access_token === undefined) throw new Error(`no token: ${answer.status} ${JSON.stringify(body)}`);
    return body.access_token;
  }

  /** The default `sub` of its tokens. */
  get subject(): string {
    return CLIENT_ID;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

function pageClient(redirectUri: string) {
  return {
    ...{ client_id: PAGE_CLIENT_ID, token_endpoint_auth_method: 'none', grant_types: ['authorization_code'] },
    ...{ redirect_uris: [redirectUri], response_types: ['code'], id_token_signed_response_alg: 'ES256' },
  };
}

interface Discovery {
  issuer: string;
  jwks_uri: string;
  token_endpoint: string;
}
