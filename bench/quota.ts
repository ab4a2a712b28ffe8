/**
 * The effect of the policy's quotas, on private services: the cost of a rejected command compared with an accepted one,
 * and the receipt latency of a tenant while another tenant floods the same worker. About two minutes; no options.
 */

import { compareCosts } from './quota/quota-cost.js';
import { compareNeighbours } from './quota/quota-neighbour.js';
import { type PrivateServices, startPrivateServices } from './running/private-services.js';

const interruption = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => interruption.abort(new Error('interrupted')));

let services: PrivateServices | null = null;
try {
  services = await startPrivateServices();
  console.log(await compareCosts(services, interruption.signal));
  console.log(await compareNeighbours(services, interruption.signal));
} catch (error) {
  console.error(`bench: ${(error as Error).message}`);
  process.exitCode = 1;
} finally {
  await services?.stop();
}
