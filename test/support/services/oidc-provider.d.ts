/** The part of the package that the tests use; it has no types. */
declare module 'oidc-provider' {
  import type { IncomingMessage, ServerResponse } from 'node:http';
  import type { JWK } from 'jose';

  interface Configuration {
    clients: {
      client_id: string;
      client_secret?: string;
      token_endpoint_auth_method?: string;
      grant_types: string[];
      redirect_uris: string[];
      response_types: string[];
      id_token_signed_response_alg: string;
    }[];
    jwks: { keys: JWK[] };
    cookies: { keys: string[] };
    features: {
      devInteractions: { enabled: boolean };
      clientCredentials: { enabled: boolean };
      resourceIndicators: {
        enabled: boolean;
        getResourceServerInfo(context: unknown, resource: string): object;
      };
    };
    clientBasedCORS(): boolean;
    extraTokenClaims(context: unknown, token: unknown): object;
  }

  export default class Provider {
    constructor(issuer: string, configuration: Configuration);
    callback(): (request: IncomingMessage, response: ServerResponse) => Promise<void>;
  }
}
