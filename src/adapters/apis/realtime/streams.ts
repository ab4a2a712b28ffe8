import type { IncomingMessage, ServerResponse } from 'node:http';
import { authenticateCaller } from '../../../application/gateway/authenticate-caller.js';
import { bearerToken, TokenKeysUnavailable, type TokenVerifier } from '../../../application/ports/token-verifier.js';
import type { OutgoingFrame, Outlet } from '../../../application/realtime/connection.js';
import type { Sessions } from '../../../application/realtime/sessions.js';
import { type ProblemCode, refusalCodes, requestProblems } from '../../../contract/messages/problems.js';
import { PASS_PATH } from '../../../contract/realtime/http-operations.js';
import { STREAM_PATH } from '../../../contract/realtime/protocol.js';
import { SYNC_TOKEN_MAX_CHARACTERS } from '../../../contract/rest/requests.js';
import { isAllowedOrigin } from './origins.js';
import { CLOSE_TIMEOUT_MS, type RealtimeSettings } from './realtime-settings.js';
import type { SealedPasses } from './sealed-passes.js';

/** How long an `EventSource` waits before it connects again, unless `bye` says otherwise. */
const RECONNECT_MS = 2_000;
const PREFLIGHT_MAX_AGE_SECONDS = 600;

export interface StreamsDeps {
  sessions: Sessions;
  passes: SealedPasses;
  verifier: TokenVerifier;
  settings: RealtimeSettings;
}

/** Server-sent events (`GET /v1/stream`), and passes (`POST /v1/realtime/pass`). */
export class Streams {
  constructor(private readonly deps: StreamsDeps) {}

  /** Whether the request is for this endpoint. */
  handles(path: string): boolean {
    return path === STREAM_PATH || path === PASS_PATH;
  }

  handle(request: IncomingMessage, response: ServerResponse, url: URL): void {
    request.resume(); // A body is ignored.
    const { origin } = request.headers;
    if (!isAllowedOrigin(request, this.deps.settings.allowedOrigins)) {
      problem(response, 'not_permitted', 'the origin is not allowed');
      return;
    }
    const isStream = url.pathname === STREAM_PATH;
    if (origin !== undefined) {
      response.setHeader('Vary', 'Origin');
      response.setHeader('Access-Control-Allow-Origin', origin);
    }
    if (request.method === 'OPTIONS') preflight(response);
    else if (request.method !== (isStream ? 'GET' : 'POST')) {
      response.setHeader('Allow', isStream ? 'GET' : 'POST');
      problem(response, 'method_not_allowed');
    } else if (isStream) void this.stream(request, response, url);
    else void this.issuePass(request, response);
  }

  private async issuePass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { authorization } = request.headers;
    const token = authorization === undefined ? null : bearerToken(authorization);
    if (token === null) problem(response, 'unauthenticated', 'a bearer token is required');
    else if (await this.isValid(token, response)) {
      const { pass, expiresAt } = this.deps.passes.issue(token);
      answer(response, 200, 'application/json', { pass, expiresAt: expiresAt.toISOString() });
    }
  }

  private async stream(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
    const { authorization } = request.headers;
    const pass = url.searchParams.get('pass');
    const token =
      pass !== null ? this.deps.passes.redeem(pass) : authorization === undefined ? null : bearerToken(authorization);
    const since = request.headers['last-event-id'] ?? url.searchParams.get('since') ?? undefined;
    if (token === null) problem(response, 'unauthenticated', 'a bearer token or a valid pass is required');
    else if (typeof since === 'string' && since.length > SYNC_TOKEN_MAX_CHARACTERS)
      problem(response, 'bad_request', 'the token to resume from is too long');
    else if ((await this.isValid(token, response)) && !response.destroyed)
      this.open(response, token, since?.toString());
  }

  private open(response: ServerResponse, token: string, since: string | undefined): void {
    response.writeHead(200, {
      'Content-Type': 'text/event-stream; charset=utf-8',
      'Cache-Control': 'no-store',
      // Proxies such as nginx would hold events back.
      'X-Accel-Buffering': 'no',
    });
    response.socket?.setNoDelay(true);
    response.setTimeout(0);
    response.write(`retry: ${RECONNECT_MS}\n\n`);
    const outlet: Outlet = {
      send: (frame, onSent) => {
        if (response.destroyed || response.writableEnded) {
          onSent();
          return;
        }
        response.write(sseOf(frame), () => {
          onSent();
          // There is no way to acknowledge: what is written counts as processed.
          if (frame.n !== undefined) session.acknowledge(frame.n);
        });
      },
      close: () => {
        response.end();
        setTimeout(() => response.destroy(), CLOSE_TIMEOUT_MS).unref();
      },
    };
    const session = this.deps.sessions.open(outlet);
    response.on('error', () => undefined); // `close` follows.
    response.once('close', () => session.lost());
    session.receive({ t: 'auth', token, ...(since === undefined || since === '' ? {} : { since }) });
  }

  private async isValid(token: string, response: ServerResponse): Promise<boolean> {
    try {
      const result = await authenticateCaller(`Bearer ${token}`, this.deps.verifier);
      if (result.outcome === 'authenticated') return true;
      problem(response, 'unauthenticated', result.outcome === 'refused' ? result.reason : undefined);
    } catch (error) {
      if (!(error instanceof TokenKeysUnavailable)) throw error;
      problem(response, 'unavailable');
    }
    return false;
  }
}

/** `id` is a token to resume from: an `EventSource` sends the last one back as `Last-Event-ID`. */
function sseOf({ t, text, token }: OutgoingFrame): string {
  return `${token === undefined ? '' : `id: ${token}\n`}event: ${t}\ndata: ${text}\n\n`;
}

function preflight(response: ServerResponse): void {
  response.writeHead(204, {
    'Access-Control-Allow-Methods': 'GET, POST',
    'Access-Control-Allow-Headers': 'Authorization, Last-Event-ID',
    'Access-Control-Max-Age': String(PREFLIGHT_MAX_AGE_SECONDS),
  });
  response.end();
}

export function problem(response: ServerResponse, code: ProblemCode, detail?: string): void {
  const { status, title } = { ...refusalCodes, ...requestProblems }[code];
  if (code === 'unauthenticated') response.setHeader('WWW-Authenticate', 'Bearer error="invalid_token"');
  if (code === 'unavailable') response.setHeader('Retry-After', '1');
  const about = detail === undefined ? {} : { detail };
  answer(response, status, 'application/problem+json', { type: `/problems/${code}`, title, status, ...about });
}

function answer(response: ServerResponse, status: number, contentType: string, body: unknown): void {
  if (response.headersSent || response.destroyed) return;
  response.writeHead(status, { 'Content-Type': contentType, 'Cache-Control': 'no-store' });
  response.end(JSON.stringify(body));
}
