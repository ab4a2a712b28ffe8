import { createCipheriv, createDecipheriv, createHmac, hkdfSync } from 'node:crypto';
import type { Caller } from '../../../../application/ports/queries/chat-queries.js';

const CIPHER = 'aes-256-gcm';
const HASH = 'sha256';
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/**
 * Cursors: the position at which a page ended, encrypted and authenticated (AES-256-GCM) together with the caller and
 * the query. Clients cannot read or forge a cursor, or use it for another caller or query. The format is `<nonce and
 * position>.<tag>`, both base64url.
 *
 * The nonce is derived from the content: the same position has the same cursor, and no two contents share a nonce.
 */
export class Cursors {
  private readonly key: Buffer;
  private readonly nonceKey: Buffer;

  constructor(secret: string | Uint8Array) {
    const derived = (purpose: string) => Buffer.from(hkdfSync(HASH, secret, '', `parley ${purpose}`, KEY_BYTES));
    this.key = derived('cursor');
    this.nonceKey = derived('cursor nonce');
  }

  /** `query`: the operation and everything that selects its items. The page size may change between pages. */
  sign(caller: Caller, query: readonly unknown[], position: readonly string[]): string {
    return this.seal(caller, query, Buffer.from(JSON.stringify(position)));
  }

  /** The position. Null if the cursor is not one of ours for this caller and query. */
  open(caller: Caller, query: readonly unknown[], cursor: string): string[] | null {
    const position = this.unseal(caller, query, cursor);
    return position === null ? null : (JSON.parse(position.toString('utf8')) as string[]);
  }

  /** Like `sign`, for a position of bytes. */
  seal(caller: Caller, query: readonly unknown[], position: Uint8Array): string {
    const about = aboutOf(caller, query);
    const nonce = createHmac(HASH, this.nonceKey).update(about).update('\0').update(position).digest();
    const cipher = createCipheriv(CIPHER, this.key, nonce.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES });
    cipher.setAAD(about);
    const sealed = Buffer.concat([nonce.subarray(0, NONCE_BYTES), cipher.update(position), cipher.final()]);
    return `${sealed.toString('base64url')}.${cipher.getAuthTag().toString('base64url')}`;
  }

  unseal(caller: Caller, query: readonly unknown[], cursor: string): Buffer | null {
    const [payload = '', tag = '', ...rest] = cursor.split('.');
    const sealed = Buffer.from(payload, 'base64url');
    const given = Buffer.from(tag, 'base64url');
    if (rest.length > 0 || sealed.length < NONCE_BYTES || given.length !== TAG_BYTES) return null;
    // Decoding is lenient, so the encoded forms must match exactly.
    if (sealed.toString('base64url') !== payload || given.toString('base64url') !== tag) return null;
    const decipher = createDecipheriv(CIPHER, this.key, sealed.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES });
    decipher.setAAD(aboutOf(caller, query));
    decipher.setAuthTag(given);
    const position = decipher.update(sealed.subarray(NONCE_BYTES));
    try {
      decipher.final();
    } catch {
      return null; // Not ours, or not for this caller and query.
    }
    return position;
  }
}

function aboutOf({ tenantId, userId }: Caller, query: readonly unknown[]): Buffer {
  return Buffer.from(JSON.stringify([tenantId, userId, query]));
}
