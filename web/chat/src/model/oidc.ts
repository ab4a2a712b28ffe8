/** Sign-in at an identity provider: OpenID Connect, authorization code with PKCE, without a client secret. */

export interface OidcSettings {
  issuer: string;
  clientId: string;
  parameters: Record<string, string>;
}

export interface OidcTokens {
  accessToken: string;
  refreshToken: string | null;
}

interface Discovery {
  authorization_endpoint: string;
  token_endpoint: string;
}

interface Begun {
  state: string;
  verifier: string;
}

const BEGUN_KEY = 'parley-chat-oidc';
const VERIFIER_BYTES = 32;

/** The registered redirect URI: the address of the page. */
function redirectUri(): string {
  return new URL('.', document.baseURI).href;
}

/** Leaves the page. The provider comes back to it with a code. */
export async function beginSignIn(settings: OidcSettings): Promise<void> {
  const { authorization_endpoint: endpoint } = await discover(settings);
  const begun: Begun = { state: randomText(), verifier: randomText() };
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(begun.verifier));
  sessionStorage.setItem(BEGUN_KEY, JSON.stringify(begun));
  const address = new URL(endpoint);
  const parameters = {
    ...settings.parameters,
    ...{ response_type: 'code', client_id: settings.clientId, redirect_uri: redirectUri(), state: begun.state },
    ...{ code_challenge: base64Url(new Uint8Array(digest)), code_challenge_method: 'S256' },
  };
  for (const [name, value] of Object.entries(parameters)) address.searchParams.set(name, value);
  location.assign(address);
}

/** The tokens, if the provider has just come back to this page. Rejects if it refused. */
export async function finishSignIn(settings: OidcSettings): Promise<OidcTokens | null> {
  const answer = new URLSearchParams(location.search);
  const state = answer.get('state');
  if (state === null) return null;
  const begun = JSON.parse(sessionStorage.getItem(BEGUN_KEY) ?? 'null') as Begun | null;
  sessionStorage.removeItem(BEGUN_KEY);
  history.replaceState(null, '', location.pathname);
  // Another page began this sign-in.
  if (begun === null || begun.state !== state) return null;
  const code = answer.get('code');
  if (code === null) throw new Error(answer.get('error_description') ?? answer.get('error') ?? 'the sign-in failed');
  return requestTokens(settings, {
    ...{ grant_type: 'authorization_code', code, redirect_uri: redirectUri(), code_verifier: begun.verifier },
  });
}

export function refreshTokens(settings: OidcSettings, refreshToken: string): Promise<OidcTokens> {
  return requestTokens(settings, { grant_type: 'refresh_token', refresh_token: refreshToken });
}

async function requestTokens(settings: OidcSettings, request: Record<string, string>): Promise<OidcTokens> {
  const { token_endpoint: endpoint } = await discover(settings);
  // Some providers want the resource here too (RFC 8707).
  const { resource } = settings.parameters;
  const body = { ...request, client_id: settings.clientId, ...(resource === undefined ? {} : { resource }) };
  const response = await fetch(endpoint, { method: 'POST', body: new URLSearchParams(body) });
  const answer = (await response.json()) as { access_token?: string; refresh_token?: string; error?: string };
  if (!response.ok || answer.access_token === undefined) throw new Error(answer.error ?? `status ${response.status}`);
  return {
    accessToken: answer.access_token,
    refreshToken: answer.refresh_token ?? request.refresh_token ?? null,
  };
}

async function discover({ issuer }: OidcSettings): Promise<Discovery> {
  const response = await fetch(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`);
  if (!response.ok) throw new Error(`the identity provider answered ${response.status}`);
  return (await response.json()) as Discovery;
}

function randomText(): string {
  return base64Url(crypto.getRandomValues(new Uint8Array(VERIFIER_BYTES)));
}

function base64Url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replace(/=+$/, '');
}
