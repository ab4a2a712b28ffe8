import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { StartupError } from '../../infrastructure/process/startup-error.js';

const FILE = 'jwt-secret';
const SECRET_BYTES = 32;

/** The secret that `dev` keeps in its data folder; undefined before its first start. */
export function keptSecret(dataDir: string): string | undefined {
  try {
    // Empty after a start that was killed while it wrote.
    return readFileSync(join(dataDir, FILE), 'utf8').trim() || undefined;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    throw new StartupError([`the secret in DATA_DIR cannot be read: ${message}`], { cause: error });
  }
}

/** … drawn at the first start, readable for its owner only. The caller holds the folder's lock. */
export function keepSecret(dataDir: string): string {
  const kept = keptSecret(dataDir);
  if (kept !== undefined) return kept;
  const secret = randomBytes(SECRET_BYTES).toString('hex');
  writeFileSync(join(dataDir, FILE), `${secret}\n`, { mode: 0o600 });
  return secret;
}
