/** Queries over REST, and the one command whose chat id the server computes. */
import type { Problem, Receipt, RestAnswer, RestReadName } from '@parley-chat/client/contract';

/** The address of the API: the page is one folder below it. */
export const API_BASE = new URL('..', document.baseURI);

export type TokenSource = (isRefused: boolean) => Promise<string>;

/** A problem document (RFC 9457), or no answer at all. */
export class RestFailure extends Error {
  constructor(
    readonly title: string,
    readonly detail: string,
    readonly decisionId: string | null,
  ) {
    super(detail === '' ? title : `${title}: ${detail}`);
  }
}

export class Rest {
  constructor(private readonly token: TokenSource) {}

  get<O extends RestReadName>(path: string, query: Record<string, string> = {}): Promise<RestAnswer<O>> {
    const search = new URLSearchParams(query).toString();
    return this.#ask(`v1/${path}${search === '' ? '' : `?${search}`}`, {}) as Promise<RestAnswer<O>>;
  }

  /** `commandId`: the idempotency key. */
  createChat(body: object, commandId: string): Promise<Receipt> {
    const headers = { 'Content-Type': 'application/json', 'Idempotency-Key': commandId };
    return this.#ask('v1/chats', { method: 'POST', headers, body: JSON.stringify(body) }) as Promise<Receipt>;
  }

  async #ask(path: string, init: RequestInit): Promise<unknown> {
    for (const isRefused of [false, true]) {
      const headers = { ...init.headers, Authorization: `Bearer ${await this.token(isRefused)}` };
      const response = await fetch(new URL(path, API_BASE), { ...init, headers }).catch(() => null);
      if (response === null) throw new RestFailure('The server cannot be reached', '', null);
      if (response.ok) return response.json();
      // The token may have expired meanwhile: once more with another one.
      if (response.status === 401 && !isRefused) continue;
      const problem = (await response.json().catch(() => ({}))) as Partial<Problem>;
      const { title = `The server answered ${response.status}`, detail = '', violations = [], decisionId } = problem;
      const faults = violations.map(({ path: field, message }) => `${field} ${message}`);
      throw new RestFailure(title, [detail, ...faults].filter(Boolean).join('; '), decisionId ?? null);
    }
    throw new RestFailure('The token was refused', '', null);
  }
}
