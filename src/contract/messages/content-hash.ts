/** How two commands with one id are compared: the same content is answered alike, other content is a conflict. */
import { createHash, hash } from 'node:crypto';
import canonicalizeModule from 'canonicalize';
import { jsonFault } from './text.js';

// The package is CommonJS whose types describe an ES module; at run time the default import is the function itself.
const canonicalize = canonicalizeModule as unknown as (value: unknown) => string;

/** A refused body above this is compared by its bytes: bringing it into canonical form could hold up its neighbours. */
export const CANONICAL_REFUSED_MAX_BYTES = 16 * 1024;

function sha256(type: string, content: string | Uint8Array): Uint8Array {
  // In one call where it can be: half the cost.
  if (typeof content === 'string') return hash('sha256', `${type}\n${content}`, 'buffer');
  return createHash('sha256').update(`${type}\n`).update(content).digest();
}

/** SHA-256 over the type and the canonical form (RFC 8785) of a command's body that the contract has accepted, its tenant named. */
export function contentHash(type: string, parsed: Record<string, unknown>): Uint8Array {
  return sha256(type, canonicalize(parsed));
}

/**
 * The same for a refused body, if it has a canonical form: one that is too large or too deep to look into (`parsed` is null)
 * or holds what I-JSON does not admit is compared by its bytes.
 */
export function refusedContentHash(type: string, parsed: Record<string, unknown> | null, body: Uint8Array): Uint8Array {
  const isComparable =
    parsed !== null && body.byteLength <= CANONICAL_REFUSED_MAX_BYTES && jsonFault(parsed) === undefined;
  return isComparable ? contentHash(type, parsed) : sha256(type, body);
}

/** SHA-256 over the canonical form (RFC 8785) of any JSON value of ours. */
export function canonicalDigest(value: unknown): Uint8Array {
  return hash('sha256', canonicalize(value), 'buffer');
}
