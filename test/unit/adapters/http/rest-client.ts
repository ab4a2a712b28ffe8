/** A REST client that holds every answer against the OpenAPI document. */
import { signToken } from '../../../../src/infrastructure/jwt.js';
import { assertDocumented } from './documented-answers.js';

export const SECRET = 'a secret of more than thirty-two bytes, for tests';
export const TOKEN_TTL_SECONDS = 60;

export interface RestAnswer {
  status: number;
  headers: Headers;
  // Any type: each test asserts what it expects.
  // biome-ignore lint/suspicious/noExplicitAny: JSON under test
  body: any;
}

export interface RestRequest {
  /** Whose token to send, as `user` or `tenant/user`; none where null. */
  as?: string | null;
  token?: string;
  json?: unknown;
  /** A raw body instead of `json`. */
  raw?: string | Uint8Array;
  headers?: Record<string, string>;
}

export abstract class RestClient {
  abstract get url(): string;

  async call(method: string, path: string, { as = 'alice', token, json, raw, headers = {} }: RestRequest = {}) {
    const bearer = token ?? (as === null ? undefined : await tokenFor(as));
    const body = raw ?? (json === undefined ? undefined : JSON.stringify(json));
    const response = await fetch(`${this.url}${path}`, {
      method,
      headers: {
        ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
        ...(json === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body }),
    });
    const text = await response.text();
    const contentType = response.headers.get('content-type') ?? '';
    const answer: RestAnswer = {
      status: response.status,
      headers: response.headers,
      body: contentType.includes('json') && text !== '' ? JSON.parse(text) : text,
    };
    if (method !== 'HEAD' && method !== 'OPTIONS')
      assertDocumented(method, path, response.status, contentType, answer.body);
    return answer;
  }

  get(path: string, request?: RestRequest): Promise<RestAnswer> {
    return this.call('GET', path, request);
  }

  post(path: string, json: unknown, request: RestRequest = {}): Promise<RestAnswer> {
    return this.call('POST', path, { ...request, json });
  }

  put(path: string, json?: unknown, request: RestRequest = {}): Promise<RestAnswer> {
    return this.call('PUT', path, { ...request, json });
  }

  patch(path: string, json: unknown, request: RestRequest = {}): Promise<RestAnswer> {
    return this.call('PATCH', path, { ...request, json });
  }

  delete(path: string, request?: RestRequest): Promise<RestAnswer> {
    return this.call('DELETE', path, request);
  }

  /** Follows `nextCursor` to the end; each page's items. */
  async pages(path: string, as = 'alice'): Promise<RestAnswer['body'][][]> {
    const all: RestAnswer['body'][][] = [];
    for (let cursor: string | null = ''; cursor !== null; ) {
      const separator = path.includes('?') ? '&' : '?';
      const { status, body } = await this.get(cursor === '' ? path : `${path}${separator}cursor=${cursor}`, { as });
      if (status !== 200) throw new Error(`no page: ${JSON.stringify(body)}`);
      all.push(body.items);
      cursor = body.nextCursor;
    }
    return all;
  }

  /** A group of alice and the others, made as clients make one; its id. */
  async group(memberIds: string[] = ['bob'], more: object = {}, as = 'alice'): Promise<string> {
    const { status, body } = await this.post('/v1/chats', { kind: 'group', memberIds, ...more }, { as });
    if (status !== 201) throw new Error(`no chat was created: ${JSON.stringify(body)}`);
    return body.chatId;
  }

  /** Sends a message to a chat, and returns the receipt. */
  async say(chatId: string, body: string, as = 'alice'): Promise<{ messageId: string; sequence: number }> {
    const answer = await this.post(`/v1/chats/${chatId}/messages`, { body }, { as });
    if (answer.status !== 201) throw new Error(`nothing was sent: ${JSON.stringify(answer.body)}`);
    return answer.body;
  }
}

/** A token for `user` or `tenant/user`. */
export function tokenFor(who: string, ttlSeconds = TOKEN_TTL_SECONDS): Promise<string> {
  const [first = '', second] = who.split('/');
  return second === undefined
    ? signToken(SECRET, { subject: first }, ttlSeconds)
    : signToken(SECRET, { subject: second, claims: { tenant: first } }, ttlSeconds);
}
