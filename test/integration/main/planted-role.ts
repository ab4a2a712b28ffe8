/** A role as a contributor would add it. planted-role.test.ts puts this file beside the others. */
import { variable } from '../../../src/infrastructure/config/config.js';
import { duration } from '../../../src/infrastructure/config/config-values.js';
import { service } from '../../../src/infrastructure/process/service-runner.js';
import { DATABASE } from '../../../src/main/roles/needs.js';
import { defineRole } from '../../../src/main/roles/role.js';

export const planted = defineRole({
  name: 'planted',
  summary: 'print a line',
  variables: {
    plantedPauseMs: variable({
      name: 'PLANTED_PAUSE',
      parse: duration(),
      default: '7s',
      describe: 'Pause of the planted role',
    }),
  },
  needs: [
    DATABASE,
    { anyOf: ['JWT_ISSUER'], when: { text: 'PLANTED_PAUSE=0s', holds: (s) => s.plantedPauseMs === 0 } },
  ],
  async compose({ settings, store, logger }) {
    // The types of its own setting and of a shared one are inferred.
    const pauseMs: number = settings.plantedPauseMs;
    const partitions: number = settings.partitions;
    const start = async () =>
      logger.info('planted role started', { pauseMs, partitions, storeId: store.identity.storeId });
    return { services: [service('planted', start)], health: { name: 'planted', check: () => ({ ok: true }) } };
  },
});
