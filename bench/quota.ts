/**
 * What the policy's quotas do, on private services of this machine: what a refused command costs against an accepted one, and how long a
 * tenant waits while another one floods the same worker. About two minutes; takes no options.
 */
import { type PrivateServices, startPrivateServices } from './private-services.js';
import { compareCosts } from './quota-cost.js';
import { compareNeighbours } from './quota-neighbour.js';

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
