import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Caller } from '../../application/ports/chat-queries.js';

const MAC_ALGORITHM = 'sha256';

/**
 * Cursors: where a page ended, signed (HMAC-SHA-256) together with who asked for what, so that one cannot be made up, nor taken to
 * another caller or query. `<position>.<signature>`, both base64url.
 */
export class Cursors {
  constructor(private readonly secret: string | Uint8Array) {}

  /** `query` names the operation and everything that selects its items; not the page size, which may change between pages. */
  sign(caller: Caller, query: readonly unknown[], position: readonly string[]): string {
    return this.seal(caller, query, Buffer.from(JSON.stringify(position)));
  }

  /** The position; null if the cursor was not signed by us for this caller and query. */
  open(caller: Caller, query: readonly unknown[], cursor: string): string[] | null {
    const position = this.unseal(caller, query, cursor);
    return position === null ? null : (JSON.parse(position.toString('utf8')) as string[]);
  }

  /** As `sign`, for a position that is bytes. */
  seal(caller: Caller, query: readonly unknown[], position: Uint8Array): string {
    const payload = Buffer.from(position).toString('base64url');
    return `${payload}.${this.mac(caller, query, payload).toString('base64url')}`;
  }

  unseal(caller: Caller, query: readonly unknown[], cursor: string): Buffer | null {
    const [payload = '', mac = '', ...rest] = cursor.split('.');
    const given = Buffer.from(mac, 'base64url');
    const expected = this.mac(caller, query, payload);
    if (rest.length > 0 || given.length !== expected.length || !timingSafeEqual(given, expected)) return null;
    return Buffer.from(payload, 'base64url');
  }

  private mac({ tenantId, userId }: Caller, query: readonly unknown[], payload: string): Buffer {
    const signed = JSON.stringify([tenantId, userId, query, payload]);
    return createHmac(MAC_ALGORITHM, this.secret).update(signed).digest();
  }
}
