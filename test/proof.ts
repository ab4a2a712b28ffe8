/** `npm run proof -- NAME`: the long proofs. Each has a short form among the tests. */
import { runNamed } from './support/runner/named-commands.js';

const MOCHA = 'node_modules/mocha/bin/mocha.js';

process.exitCode = await runNamed(
  {
    usage: 'npm run proof --',
    fallback: null,
    commands: {
      kills: {
        about: 'kill a worker at each step, 30 times',
        run: [MOCHA, 'dist/test/chaos/kill-points.test.js'],
        env: { PARLEY_KILLS: '30' },
      },
      webhooks: {
        about: 'relays and endpoints of webhooks are killed, 8 times each, under load (2 min)',
        run: [MOCHA, 'dist/test/integration/webhooks/webhook-faults.test.js'],
        env: { WEBHOOK_MESSAGES: '150', WEBHOOK_KILLS: '8' },
      },
      faults: { about: 'the table of faults on real workers under load', run: ['dist/test/chaos/faults/report.js'] },
      schedules: {
        about: '500 random schedules of faults, two at a time',
        run: ['dist/test/chaos/schedules/run.js'],
      },
      kafka: {
        about: 'the Kafka sink while brokers go down, leaders move and relays are killed (3 min)',
        run: [
          MOCHA,
          'dist/test/integration/kafka/kafka-sink.test.js',
          'dist/test/integration/kafka/kafka-relay.test.js',
        ],
        env: { PARLEY_KAFKA_ROUNDS: '60', PARLEY_KAFKA_KILLS: '12' },
      },
      recovery: {
        about: 'how long recovery takes after each fault',
        run: ['dist/test/chaos/recovery/run.js'],
      },
      irc: {
        about: 'replay all chat logs while a worker is killed',
        run: [MOCHA, 'dist/test/chaos/irc-replay.test.js'],
        env: { PARLEY_IRC_LOGS: 'all' },
      },
      archive: {
        about: 'export and import a chat of a million messages in bounded memory',
        run: [MOCHA, 'dist/test/integration/main/archive/archive-memory.test.js'],
        env: { PARLEY_ARCHIVE_MESSAGES: '1000000' },
      },
      model: {
        about: 'random commands against a plain model, 200 runs on each store',
        run: [MOCHA, 'dist/test/property/model/model.test.js'],
        env: { PARLEY_MODEL_RUNS: '200' },
      },
      client: {
        about: 'a realtime client that crashes, against syncing anew, 10,000 runs (2 min)',
        run: [MOCHA, '--reporter=dot', 'dist/test/unit/client/realtime/model.test.js'],
        env: { PARLEY_CLIENT_RUNS: '10000' },
      },
      sim: {
        about: 'simulated stories of crashes and lost messages, with a ledger (40 s per 1,000 stories)',
        run: ['dist/test/property/simulation/run.js'],
      },
      planted: {
        about: 'bugs of the worker and the relay, planted one at a time, each of which a test must notice (30 s)',
        run: ['dist/test/property/simulation/planted.js'],
      },
      fuzz: {
        about: 'hostile input at every door (1 min per 100,000)',
        run: ['--enable-source-maps', 'dist/test/property/fuzz/run.js'],
      },
      realtime: {
        about: 'random conversations on gateways that are killed, frozen and starved (20 stories, 25 min)',
        run: ['dist/test/chaos/realtime/run.js'],
      },
      'gateway-kills': {
        about: 'kill gateways under load, 20 times, with the ledgers of 200 clients of the library (3 min)',
        run: ['dist/test/chaos/realtime/kills/run.js'],
      },
      races: {
        about: 'rights revoked while commands are under way, 10,000 races',
        run: [MOCHA, 'dist/test/unit/policy/revocation-races.test.js'],
        env: { PARLEY_RACES: '10000' },
      },
      lists: {
        about: 'lists filtered by random policies, held against deciding row by row',
        run: [MOCHA, 'dist/test/unit/policy/visible-chats.test.js'],
        env: { PARLEY_WORLDS: '24' },
      },
      guard: {
        about: 'whether the bench notices planted slowness',
        run: ['dist/test/bench/planted-guard.js'],
      },
      packages: {
        about: 'install both packages from the registry into fresh projects, and measure them (2 min)',
        run: [MOCHA, 'dist/test/integration/packages/packages.test.js'],
        env: { PARLEY_PACKAGES: 'registry' },
      },
      explain: {
        about: 'the plan of every query in a store of a million messages',
        run: [MOCHA, 'dist/test/integration/prisma/plans/every-query.test.js'],
        env: { PARLEY_EXPLAIN_MESSAGES: '1000000' },
      },
    },
  },
  process.argv.slice(2),
);
