/**
 * Documents that never change while the process runs: compressed once, kept in memory, and sent without further work.
 */
import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import type { NextFunction, Request, Response } from 'express';
import { WRITE_IDLE_TIMEOUT_MS } from '../api-settings.js';

/** Brotli quality (maximum 11). The maximum takes seconds for a script of 1.7 MB and saves a few per cent more. */
const BROTLI_QUALITY = 9;
/** In the order of preference. */
const ENCODINGS = ['br', 'gzip', 'identity'] as const;

export interface Document {
  contentType: string;
  /** How long clients may cache it, in seconds. 0: they revalidate it each time. */
  maxAgeSeconds: number;
  /** The address contains a hash of the content, so that clients need not revalidate it. */
  isImmutable?: boolean;
  /** Called once, at the first request. */
  read(): Promise<string | Uint8Array> | string | Uint8Array;
}

interface Packed {
  hash: string;
  bodies: Record<(typeof ENCODINGS)[number], Uint8Array>;
}

/**
 * Serves the document for GET and HEAD. Compresses it at the first request. After a failure the next request retries.
 */
export function cachedDocument({ contentType, maxAgeSeconds, isImmutable = false, read }: Document) {
  const lifetime = `public, max-age=${maxAgeSeconds}${isImmutable ? ', immutable' : ''}`;
  const cacheControl = maxAgeSeconds === 0 ? 'no-cache' : lifetime;
  let packing: Promise<Packed> | null = null;

  return async (request: Request, response: Response, _next?: NextFunction): Promise<void> => {
    packing ??= pack(read);
    const { hash, bodies } = await packing.catch((cause: unknown) => {
      packing = null;
      throw cause;
    });
    const encoding = ENCODINGS.find((name) => request.acceptsEncodings(name) === name) ?? 'identity';
    const etag = `"${hash}-${encoding}"`;
    response.setTimeout(WRITE_IDLE_TIMEOUT_MS);
    response.vary('Accept-Encoding').set({ 'Cache-Control': cacheControl, ETag: etag });
    const known = request.get('If-None-Match') ?? '';
    if (known === '*' || known.includes(etag)) {
      response.status(304).end();
      return;
    }
    const body = bodies[encoding];
    if (encoding !== 'identity') response.set('Content-Encoding', encoding);
    response.status(200).type(contentType).set('Content-Length', String(body.length)).end(body);
  };
}

async function pack(read: Document['read']): Promise<Packed> {
  const identity = Buffer.from(await read());
  const params = { [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY };
  const [br, gz] = await Promise.all([promisify(brotliCompress)(identity, { params }), promisify(gzip)(identity)]);
  return { hash: createHash('sha256').update(identity).digest('base64url'), bodies: { br, gzip: gz, identity } };
}
