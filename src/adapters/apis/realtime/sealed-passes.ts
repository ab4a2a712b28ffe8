import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import type { Passes } from '../../../application/realtime/sessions.js';

const CIPHER = 'aes-256-gcm';
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** How long a pass is valid. */
export const PASS_VALID_MS = 30_000;
/** Passes that are remembered as used. Above this none is accepted until some have expired. */
const USED_MAX = 100_000;

/**
 * A pass stands for a token where headers cannot be sent, such as in an `EventSource`: it may appear in logs of
 * proxies, where a token must not. It is the token, sealed (AES-256-GCM), for 30 s, and each process takes it once.
 * Every gateway with the same store can open it, so it works up to once per gateway.
 */
export class SealedPasses implements Passes {
  private readonly key: Buffer;
  /** By nonce: when the pass expires. In the order of use. */
  private readonly used = new Map<string, number>();

  constructor(
    secret: string | Uint8Array,
    private readonly now: () => number,
  ) {
    this.key = Buffer.from(hkdfSync('sha256', secret, '', 'parley realtime pass', KEY_BYTES));
  }

  issue(token: string): { pass: string; expiresAt: Date } {
    const expiresAt = this.now() + PASS_VALID_MS;
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(CIPHER, this.key, nonce, { authTagLength: TAG_BYTES });
    const sealed = Buffer.concat([nonce, cipher.update(JSON.stringify([token, expiresAt])), cipher.final()]);
    const pass = Buffer.concat([sealed, cipher.getAuthTag()]).toString('base64url');
    return { pass, expiresAt: new Date(expiresAt) };
  }

  redeem(pass: string): string | null {
    const bytes = Buffer.from(pass, 'base64url');
    if (bytes.length <= NONCE_BYTES + TAG_BYTES || bytes.toString('base64url') !== pass) return null;
    const nonce = bytes.subarray(0, NONCE_BYTES);
    const decipher = createDecipheriv(CIPHER, this.key, nonce, { authTagLength: TAG_BYTES });
    decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
    let content: [string, number];
    try {
      const text = Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
      content = JSON.parse(text.toString('utf8')) as [string, number];
    } catch {
      return null; // Not ours.
    }
    const [token, expiresAt] = content;
    const now = this.now();
    for (const [one, end] of this.used) if (end < now) this.used.delete(one);
    const key = nonce.toString('base64url');
    if (expiresAt < now || this.used.has(key) || this.used.size >= USED_MAX) return null;
    this.used.set(key, expiresAt);
    return token;
  }
}
