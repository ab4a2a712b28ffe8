// Generates the Prisma client into src/adapters/stores/prisma/generated.
//
// `prisma generate` looks for a native schema engine that client generation with a driver adapter does not use, and tries to
// download it. Naming any executable keeps it from looking, so that this works where only the package registry is in reach.
// The variable is set for this one call only: with it, `prisma migrate diff` would print nothing and exit 0.
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';

const prisma = createRequire(import.meta.url).resolve('prisma/build/index.js');
const { status } = spawnSync(process.execPath, [prisma, 'generate', '--no-hints'], {
  stdio: ['ignore', 'ignore', 'inherit'],
  env: { ...process.env, PRISMA_SCHEMA_ENGINE_BINARY: process.execPath, PRISMA_HIDE_UPDATE_MESSAGE: '1' },
});
process.exit(status ?? 1);
