/**
 * One POST to a URL that a stranger has given. The addresses of its host are checked when the connection is made: a
 * name that resolved to a public address a moment ago may resolve to a private one now.
 */
import { lookup as resolve } from 'node:dns';
import { type ClientRequest, Agent as HttpAgent, type IncomingMessage, request as requestHttp } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import type { AddressRules } from './address-rules.js';

/** What is read of an answer's body, and thrown away. A longer one ends with the connection. */
const ANSWER_MAX_BYTES = 64 * 1024;
/** Idle connections that are kept, and for how long. */
const IDLE_CONNECTIONS_MAX = 64;
const IDLE_TIMEOUT_MS = 15_000;

export interface GuardedRequestOptions {
  addresses: AddressRules;
  /** Null: all. */
  ports: readonly number[] | null;
  /** For the whole request, with the lookup of the name. */
  timeoutMs: number;
}

export type GuardedAnswer =
  | { outcome: 'answered'; status: number; retryAfter: string | null }
  /** `code`: `address-refused`, `port-refused`, `timed-out`, or that of the system, such as `econnrefused`. */
  | { outcome: 'failed'; code: string };

/** Why a request was not even tried. */
class Refused extends Error {
  constructor(readonly code: 'address-refused' | 'name-not-found') {
    super(code);
  }
}

export class GuardedRequests {
  private readonly http: HttpAgent;
  private readonly https: HttpsAgent;

  constructor(private readonly options: GuardedRequestOptions) {
    const kept = { keepAlive: true, maxFreeSockets: IDLE_CONNECTIONS_MAX, timeout: IDLE_TIMEOUT_MS };
    // Without TLS nothing proves who answers: only in networks that the operator permits.
    this.http = new HttpAgent({ ...kept, lookup: this.lookupOf(['permitted']) });
    this.https = new HttpsAgent({ ...kept, lookup: this.lookupOf(['permitted', 'public']) });
  }

  /** Never rejects. */
  post(url: URL, headers: Readonly<Record<string, string>>, body: Buffer, signal: AbortSignal): Promise<GuardedAnswer> {
    const isSecure = url.protocol === 'https:';
    const port = url.port === '' ? (isSecure ? 443 : 80) : Number(url.port);
    const { ports, timeoutMs } = this.options;
    if (ports !== null && !ports.includes(port)) return failed('port-refused');
    // No lookup happens for a literal address. In a URL, IPv6 is in brackets.
    const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
    if (isIP(host) !== 0 && !this.isAllowed(host, isSecure)) return failed('address-refused');
    return new Promise((settle) => {
      let request: ClientRequest | null = null;
      let isDone = false;
      const finish = (answer: GuardedAnswer) => {
        if (isDone) return;
        isDone = true;
        clearTimeout(timer);
        signal.removeEventListener('abort', onAbort);
        settle(answer);
      };
      /** Whatever came before counts: after the status line, the rest of an answer changes nothing. */
      let known: GuardedAnswer | null = null;
      const cut = (otherwise: string) => {
        finish(known ?? { outcome: 'failed', code: otherwise });
        request?.destroy();
      };
      const timer = setTimeout(() => cut('timed-out'), timeoutMs);
      const onAbort = () => cut('aborted');
      signal.addEventListener('abort', onAbort, { once: true });
      if (signal.aborted) return cut('aborted');
      const onResponse = (response: IncomingMessage) => {
        const { statusCode: status = 0 } = response;
        known = { outcome: 'answered', status, retryAfter: response.headers['retry-after'] ?? null };
        let bytes = 0;
        response.on('data', (chunk: Buffer) => {
          bytes += chunk.byteLength;
          if (bytes > ANSWER_MAX_BYTES) cut('answer-too-large');
        });
        response.once('end', () => finish(known ?? { outcome: 'failed', code: 'no-answer' }));
        response.once('error', () => cut('connection-lost'));
      };
      const given = { method: 'POST', headers: { ...headers, 'content-length': String(body.byteLength) } };
      try {
        request = isSecure
          ? requestHttps(url, { ...given, agent: this.https }, onResponse)
          : requestHttp(url, { ...given, agent: this.http }, onResponse);
      } catch {
        // Node refuses some URLs that parse.
        return cut('url-refused');
      }
      request.on('error', (error: NodeJS.ErrnoException) => cut(codeOf(error)));
      request.end(body);
    });
  }

  close(): void {
    this.http.destroy();
    this.https.destroy();
  }

  private isAllowed(address: string, isSecure: boolean): boolean {
    const kind = this.options.addresses.kindOf(address);
    return kind === 'permitted' || (isSecure && kind === 'public');
  }

  /** Gives only allowed addresses to the connection that is made right after. */
  private lookupOf(kinds: readonly string[]): LookupFunction {
    return (hostname, options, callback) => {
      resolve(hostname, { ...options, all: true }, (error, addresses) => {
        if (error !== null) return callback(new Refused('name-not-found'), '', 0);
        const allowed = addresses.filter(({ address }) => kinds.includes(this.options.addresses.kindOf(address)));
        const [first] = allowed;
        if (first === undefined) return callback(new Refused('address-refused'), '', 0);
        if (options.all === true) return callback(null, allowed);
        callback(null, first.address, first.family);
      });
    };
  }
}

function failed(code: string): Promise<GuardedAnswer> {
  return Promise.resolve({ outcome: 'failed', code });
}

/** The code of a system error, in lower case. Messages can contain addresses. */
function codeOf(error: NodeJS.ErrnoException): string {
  const code = (error.code ?? 'failed').toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');
  return /^[a-z0-9-]{1,64}$/.test(code) ? code : 'failed';
}
