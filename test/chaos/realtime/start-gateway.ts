import { fileURLToPath } from 'node:url';
import { startProcess, type TestProcess } from '../../support/fleet/processes.js';
import type { Plant } from './plants.js';

const PLANTED_GATEWAY = fileURLToPath(new URL('./planted-gateway.js', import.meta.url));

/** A gateway, perhaps with a bug, when it is ready. */
export async function startGateway(env: Readonly<Record<string, string>>, plant?: Plant): Promise<TestProcess> {
  const gateway = await startProcess({
    ...(plant === undefined ? { args: ['gateway'] } : { script: PLANTED_GATEWAY }),
    env: { ...env, ...(plant === undefined ? {} : { PLANT: plant }) },
  });
  await gateway.ready();
  return gateway;
}
