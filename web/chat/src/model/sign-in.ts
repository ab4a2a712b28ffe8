/** Who uses this tab, and where the tokens come from. Kept for the tab only, so that two tabs can be two users. */
import { finishSignIn, type OidcSettings, type OidcTokens, refreshTokens } from './oidc.js';

export interface PageSettings {
  oidc: OidcSettings | null;
  /** Users without a sign-in, in `dev`. */
  demoUsers: readonly string[];
}

export type SignIn =
  | { kind: 'demo'; userId: string }
  | { kind: 'oidc'; tokens: OidcTokens }
  | { kind: 'pasted'; token: string };

const KEY = 'parley-chat-sign-in';

export async function loadSettings(): Promise<PageSettings> {
  const response = await fetch(new URL('settings', document.baseURI));
  if (!response.ok) throw new Error(`the server answered ${response.status}`);
  return (await response.json()) as PageSettings;
}

/** The sign-in of this tab. Null: there is none. */
export async function currentSignIn({ oidc }: PageSettings): Promise<SignIn | null> {
  const tokens = oidc === null ? null : await finishSignIn(oidc);
  if (tokens !== null) keepSignIn({ kind: 'oidc', tokens });
  return JSON.parse(sessionStorage.getItem(KEY) ?? 'null') as SignIn | null;
}

export function keepSignIn(signIn: SignIn | null): void {
  if (signIn === null) sessionStorage.removeItem(KEY);
  else sessionStorage.setItem(KEY, JSON.stringify(signIn));
}

/** Gives the token of a sign-in, and another one if it was refused. */
export class Tokens {
  #token: string | null = null;
  #asking: Promise<string> | null = null;

  constructor(
    private signIn: SignIn,
    private readonly settings: PageSettings,
  ) {
    if (signIn.kind === 'pasted') this.#token = signIn.token;
    if (signIn.kind === 'oidc') this.#token = signIn.tokens.accessToken;
  }

  get(isRefused: boolean): Promise<string> {
    if (this.#token !== null && !isRefused) return Promise.resolve(this.#token);
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = null;
    });
    return this.#asking;
  }

  async #ask(): Promise<string> {
    const { signIn } = this;
    if (signIn.kind === 'pasted') return signIn.token;
    this.#token = signIn.kind === 'demo' ? await demoToken(signIn.userId) : await this.#refresh(signIn.tokens);
    return this.#token;
  }

  async #refresh({ refreshToken }: OidcTokens): Promise<string> {
    if (this.settings.oidc === null || refreshToken === null) throw new Error('sign in again');
    const tokens = await refreshTokens(this.settings.oidc, refreshToken);
    this.signIn = { kind: 'oidc', tokens };
    keepSignIn(this.signIn);
    return tokens.accessToken;
  }
}

async function demoToken(userId: string): Promise<string> {
  const ask = { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ userId }) };
  const response = await fetch(new URL('demo-token', document.baseURI), ask);
  if (!response.ok) throw new Error(`the server answered ${response.status}`);
  return ((await response.json()) as { token: string }).token;
}

/** Names the data of a user in this browser. A token is not verified here; the server does that. */
export function accountOf(token: string): string {
  const [, payload = ''] = token.split('.');
  try {
    const bytes = Uint8Array.from(atob(payload.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0));
    const claims = JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>;
    return JSON.stringify([claims.iss ?? '', claims.tenant ?? '', claims.sub ?? '']);
  } catch {
    return JSON.stringify(['', '', token.slice(-16)]);
  }
}
