/** `npm run bench -- NAME`: the measurements. Without a name: the workloads, in turns with the other systems. */
import { runNamed } from '../test/support/runner/named-commands.js';

process.exitCode = await runNamed(
  {
    usage: 'npm run bench --',
    fallback: 'workloads',
    commands: {
      workloads: {
        about: 'workloads W1 to W6 in turns with the ceiling and a naive service (30 min; --quick: 3 min)',
        run: ['dist/bench/run.js'],
      },
      growth: { about: 'latency and plans while the store grows', run: ['dist/bench/growth.js'] },
      steady: { about: 'memory, disk and latency over an hour of steady load', run: ['dist/bench/steady.js'] },
      workers: { about: 'throughput with more workers', run: ['dist/bench/workers.js'] },
      explain: { about: 'the plans of the hot statements', run: ['dist/bench/explain.js'] },
      policy: { about: 'what deciding costs a worker', run: ['dist/bench/policy-cost.js'] },
      'typed-reads': {
        about: 'what reads cost with the typed client and as raw statements (5 to 10 min)',
        run: ['dist/bench/typed-reads.js'],
      },
      services: {
        about: 'settings of RabbitMQ and PostgreSQL in turns: processor time, latency, write-ahead log (10 min)',
        run: ['dist/bench/services.js'],
      },
      realtime: {
        about:
          'gateways: memory, reconnects, pushes in turns with ws and socket.io, latency, a rolling restart (15 min)',
        run: ['dist/bench/realtime.js'],
      },
      integrations: {
        about: 'whether a webhook, a dead webhook or a dead Kafka delays dispatch (4 min)',
        run: ['dist/bench/integrations.js'],
      },
      quota: { about: 'what quotas cost a worker', run: ['dist/bench/quota.js'] },
    },
  },
  process.argv.slice(2),
);
