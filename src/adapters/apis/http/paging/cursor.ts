import { createCipheriv, createDecipheriv, createHmac, hkdfSync } from 'node:crypto';
import type { Caller } from '../../../../application/ports/chat-queries.js';

const CIPHER = 'aes-256-gcm';
const HASH = 'sha256';
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/**
 * Cursors: where a page ended, sealed (AES-256-GCM) together with who asked for what, so that one can neither be read,
 * nor made up, nor taken
 * to another caller or query. `<nonce and position>.<tag>`, both base64url.
 *
 * The nonce is made from what is sealed: the same place has the same cursor, and no nonce serves two different ones.
 */
export class Cursors {
  private readonly key: Buffer;
  private readonly nonceKey: Buffer;

  constructor(secret: string | Uint8Array) {
    const derived = (purpose: string) => Buffer.from(hkdfSync(HASH, secret, '', `parley ${purpose}`, KEY_BYTES));
    this.key = derived('cursor');
    this.nonceKey = derived('cursor nonce');
  }

  /**
   * `query` names the operation and everything that selects its items; not the page size, which may change between
   * pages.
   */
  sign(caller: Caller, query: readonly unknown[], position: readonly string[]): string {
    return this.seal(caller, query, Buffer.from(JSON.stringify(position)));
  }

  /** The position; null if the cursor was not sealed by us for this caller and query. */
  open(caller: Caller, query: readonly unknown[], cursor: string): string[] | null {
    const position = this.unseal(caller, query, cursor);
    return position === null ? null : (JSON.parse(position.toString('utf8')) as string[]);
  }

  /** As `sign`, for a position that is bytes. */
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
    // Decoding is lenient: only what we would have written is ours.
    if (sealed.toString('base64url') !== payload || given.toString('base64url') !== tag) return null;
    const decipher = createDecipheriv(CIPHER, this.key, sealed.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES });
    decipher.setAAD(aboutOf(caller, query));
    decipher.setAuthTag(given);
    const position = decipher.update(sealed.subarray(NONCE_BYTES));
    try {
      decipher.final();
    } catch {
      return null; // not ours, or not for this caller and query
    }
    return position;
  }
}

function aboutOf({ tenantId, userId }: Caller, query: readonly unknown[]): Buffer {
  return Buffer.from(JSON.stringify([tenantId, userId, query]));
}
