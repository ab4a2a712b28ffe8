/** A raw HTTP client that can send invalid requests, and reads one response. */
import { connect } from 'node:net';
import { brotliDecompressSync, gunzipSync, inflateSync } from 'node:zlib';

/** Time after which the client ends its side of the connection, for a server that waits for more data. */
const PATIENCE_MS = 150;
/** The longer time for a retry on a busy machine. */
const LONG_PATIENCE_MS = 4_000;
const ANSWER_WITHIN_MS = 8_000;

export interface RawAnswer {
  status: number;
  headers: ReadonlyMap<string, string>;
  body: Buffer;
}

/** The text instead of a response. */
export type NoAnswer = 'closed' | 'reset' | 'silent';

function chunks(bytes: Buffer): Buffer | null {
  const parts: Buffer[] = [];
  for (let at = 0; ; ) {
    const end = bytes.indexOf('\r\n', at);
    if (end < 0) return null;
    const size = Number.parseInt(bytes.toString('latin1', at, end), 16);
    if (size === 0) return Buffer.concat(parts);
    if (bytes.length < end + 2 + size + 2) return null;
    parts.push(bytes.subarray(end + 2, end + 2 + size));
    at = end + 2 + size + 2;
  }
}

function decoded(body: Buffer, encoding: string | undefined): Buffer {
  if (body.length === 0) return body; // to HEAD
  if (encoding === 'gzip') return gunzipSync(body);
  if (encoding === 'deflate') return inflateSync(body);
  return encoding === 'br' ? brotliDecompressSync(body) : body;
}

/** The first final response. Null while it is incomplete. */
function answerIn(bytes: Buffer, isHead: boolean): RawAnswer | null {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) return null;
  const [statusLine = '', ...lines] = bytes.toString('latin1', 0, end).split('\r\n');
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(statusLine)?.[1]);
  const rest = bytes.subarray(end + 4);
  if (status < 200) return answerIn(rest, isHead);
  const headers = new Map(
    lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
  );
  const length = headers.get('content-length');
  let body: Buffer | null = Buffer.alloc(0);
  if (!isHead && status !== 204 && status !== 304) {
    if (headers.get('transfer-encoding') === 'chunked') body = chunks(rest);
    else if (length !== undefined) body = rest.length >= Number(length) ? rest.subarray(0, Number(length)) : null;
  }
  return body === null ? null : { status, headers, body: decoded(body, headers.get('content-encoding')) };
}

export async function sendRaw(port: number, request: Buffer): Promise<RawAnswer | NoAnswer> {
  const answer = await sendOnce(port, request, PATIENCE_MS);
  return answer === 'closed' ? sendOnce(port, request, LONG_PATIENCE_MS) : answer;
}

function sendOnce(port: number, request: Buffer, patienceMs: number): Promise<RawAnswer | NoAnswer> {
  const isHead = request.subarray(0, 5).toString('latin1') === 'HEAD ';
  return new Promise((resolve) => {
    let received = Buffer.alloc(0);
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    const settle = (outcome: RawAnswer | NoAnswer) => {
      clearTimeout(patience);
      clearTimeout(deadline);
      socket.destroy();
      resolve(outcome);
    };
    const patience = setTimeout(() => socket.end(), patienceMs);
    const deadline = setTimeout(() => settle('silent'), ANSWER_WITHIN_MS);
    socket.on('error', () => settle('reset'));
    socket.on('end', () => settle('closed'));
    socket.on('data', (bytes) => {
      received = Buffer.concat([received, bytes]);
      const answer = answerIn(received, isHead);
      if (answer !== null) settle(answer);
    });
    socket.write(request);
  });
}
