/**
 * Vacuums and analyses every store between the closed and the open loops, like a store in use. Otherwise autovacuum
 * catches up with the rounds during the latency measurement, and takes half of two cores from the system under load.
 */

import type { Stage } from '../running/bench-harness.js';
import { query } from '../running/private-services.js';
import type { Step } from '../running/steps.js';

const EXPECTED_MESSAGES_PER_SECOND = 50_000;

export function settleSteps({ stations, options }: Stage): Step[] {
  return [
    {
      title: 'VACUUM ANALYZE',
      total: stations.length,
      seconds: 1 + (stations.length * options.messages * options.rounds) / EXPECTED_MESSAGES_PER_SECOND,
      run: async (progress) => {
        for (const [index, { subject }] of stations.entries()) {
          await query(subject.databaseUrl, 'VACUUM ANALYZE');
          progress(index + 1);
        }
      },
    },
  ];
}
