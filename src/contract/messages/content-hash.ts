/** Compares two commands with the same id. The same content gets the same receipt; other content is a conflict. */
import { createHash, hash } from 'node:crypto';
import canonicalizeModule from 'canonicalize';
import { jsonFault } from './text.js';

// The types describe an ES module, but the package is CommonJS: at run time the default import is the function itself.
const canonicalize = canonicalizeModule as unknown as (value: unknown) => string;

/**
 * A refused body above this size is compared by its bytes. Its canonical form could take so long that it delays other
 * commands.
 */
export const CANONICAL_REFUSED_MAX_BYTES = 16 * 1024;

/**
 * Half of SHA-256, in hexadecimal digits. Two contents with the same 16 bytes take 2^64 attempts to find, and only the
 * producer that made both would get the receipt of the first for the second.
 */
export const CONTENT_HASH_DIGITS = 32;

function hashOf(type: string, content: string | Uint8Array): string {
  // A single call costs half as much.
  const sha256 =
    typeof content === 'string'
      ? hash('sha256', `${type}\n${content}`)
      : createHash('sha256').update(`${type}\n`).update(content).digest('hex');
  return sha256.slice(0, CONTENT_HASH_DIGITS);
}

/**
 * The first half of SHA-256 over the type and the canonical form (RFC 8785) of an accepted command's body, with its
 * tenant filled in.
 */
export function contentHash(type: string, parsed: Record<string, unknown>): string {
  return hashOf(type, canonicalize(parsed));
}

/**
 * The same for a refused body, if it has a canonical form. A body that is too large or too deep (`parsed` is null), or
 * that I-JSON does not allow, is compared by its bytes.
 */
export function refusedContentHash(type: string, parsed: Record<string, unknown> | null, body: Uint8Array): string {
  const isComparable =
    parsed !== null && body.byteLength <= CANONICAL_REFUSED_MAX_BYTES && jsonFault(parsed) === undefined;
  return isComparable ? contentHash(type, parsed) : hashOf(type, body);
}

/** SHA-256 over the canonical form (RFC 8785) of a JSON value that we created. */
export function canonicalDigest(value: unknown): Uint8Array {
  return hash('sha256', canonicalize(value), 'buffer');
}
