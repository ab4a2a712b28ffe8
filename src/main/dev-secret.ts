import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const FILE = 'jwt-secret';
const SECRET_BYTES = 32;

/** The secret that `dev` keeps in its data folder; undefined before its first start. */
export function keptSecret(dataDir: string): string | undefined {
  const file = join(dataDir, FILE);
  return existsSync(file) ? readFileSync(file, 'utf8').trim() : undefined;
}

/** … drawn at the first start, readable for its owner only. */
export function keepSecret(dataDir: string): string {
  const kept = keptSecret(dataDir);
  if (kept !== undefined && kept !== '') return kept;
  const secret = randomBytes(SECRET_BYTES).toString('hex');
  mkdirSync(dataDir, { recursive: true });
  writeFileSync(join(dataDir, FILE), `${secret}\n`, { mode: 0o600 });
  return secret;
}
