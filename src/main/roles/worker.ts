import type { StoreError } from '../../application/ports/store/command-store.js';
import { realTime } from '../../application/runtime/time.js';
import { DEFAULT_LIMITS } from '../../domain/limits.js';
import { variable } from '../../infrastructure/config/config.js';
import { duration, integer, oneOf } from '../../infrastructure/config/config-values.js';
import type { HealthState } from '../../infrastructure/process/health.js';
import { service } from '../../infrastructure/process/service-runner.js';
import { StartupError } from '../../infrastructure/process/startup-error.js';
import { editWindow } from '../settings/edit-window.js';
import { BROKER, DATABASE, TOKEN_KEYS } from './needs.js';
import { defineRole } from './role.js';

/**
 * A worker has some 40 MB of live objects under load; everything else is garbage after one or two batches. With the
 * default of V8, its heap grew to four times that while events could not be published, and stayed there.
 */
const HEAP_GROWTH_PERCENT = 80;
/** The batch in progress may wait for a database that does not answer, and so may the release of the leases. */
const STOP_TIMEOUT_MS = 25_000;
/** Without an answer of the registry for this long, the worker is not ready. */
const REGISTRY_SILENCE_MS = 5_000;

/** Commands → store → events. */
export const worker = defineRole({
  name: 'worker',
  summary: 'process commands: store them and publish their events',
  variables: {
    commandAuth: variable({
      name: 'COMMAND_AUTH',
      parse: oneOf('producer', 'jwt'),
      default: 'producer',
      describe:
        'Authentication of the actor of a command: producer trusts the program that publishes it, jwt requires a token in each command',
    }),
    jwksWaitMs: variable({
      name: 'JWKS_WAIT',
      parse: duration({ max: 60_000 }),
      default: '5s',
      describe:
        'With COMMAND_AUTH=jwt: maximum time that a command waits while the keys of JWT_JWKS_URL are unavailable; then the answer is unauthenticated',
    }),
    tokenExpiryGraceMs: variable({
      name: 'TOKEN_EXPIRY_GRACE',
      parse: duration(),
      default: '24h',
      describe:
        'With COMMAND_AUTH=jwt: time after its expiry for which a token still authenticates a command, because commands wait in queues',
    }),
    decisionRetentionMs: variable({
      name: 'DECISION_RETENTION',
      parse: duration({ min: 1_000 }),
      default: '30d',
      describe: 'Time for which policy decisions are kept',
    }),
    receiptRetentionMs: variable({
      name: 'RECEIPT_RETENTION',
      parse: duration({ min: 1_000 }),
      default: '72h',
      describe: 'Time for which a receipt is kept. For this time a repeated command is recognized',
    }),
    maxCommandAttempts: variable({
      name: 'MAX_COMMAND_ATTEMPTS',
      parse: integer({ min: 1, max: 100 }),
      default: '3',
      describe: 'Number of times that a command may fail alone before it is dead-lettered',
    }),
    realtime: variable({
      name: 'REALTIME',
      parse: oneOf('on', 'off'),
      default: 'on',
      describe:
        'Live feed: on publishes a copy of each event while a process reads the live feed, off publishes no copies',
    }),
    editWindowMs: variable({
      name: 'EDIT_WINDOW',
      parse: editWindow,
      default: 'none',
      describe:
        'Time for which a message may be edited: 24h, or none for no limit, or by tenant: acme=15m,other=none,*=24h',
    }),
    chatMembersMax: variable({
      name: 'CHAT_MEMBERS_MAX',
      parse: integer({ min: 2, max: 1_000_000 }),
      default: String(DEFAULT_LIMITS.chatMembersMax),
      describe: 'Maximum number of members of one chat; a command that exceeds it is rejected with limit_reached',
    }),
    userChatsMax: variable({
      name: 'USER_CHATS_MAX',
      parse: integer({ min: 1, max: 1_000_000 }),
      default: String(DEFAULT_LIMITS.userChatsMax),
      describe:
        'Maximum number of chats of one user, counted separately for chats that the user created and for groups and channels that others created',
    }),
  },
  needs: [
    DATABASE,
    BROKER,
    { ...TOKEN_KEYS, when: { text: 'COMMAND_AUTH=jwt', holds: ({ commandAuth }) => commandAuth === 'jwt' } },
  ],
  heapGrowthPercent: HEAP_GROWTH_PERCENT,

  async compose(context) {
    const { SharedRecipients } = await import('../../application/outbox/shared-recipients.js');
    const { LiveCopies } = await import('../../application/outbox/live-copies.js');
    const { WorkerMetrics } = await import('../../adapters/telemetry/worker-metrics.js');
    const { Worker } = await import('../../application/coordinator/worker.js');
    const { PolicyEnforcementPoint } = await import('../../application/policy/enforcement.js');
    const { BatchExecutor } = await import('../../application/processing/execution/batch-executor.js');
    const { CommandDecider } = await import('../../application/processing/execution/command-decider.js');
    const { RetryingTokenVerifier } = await import('../../application/processing/retrying-token-verifier.js');
    const { stuckPartitions } = await import('../../application/processing/stuck-partitions.js');
    const { indexingParts } = await import('./indexing.js');
    const { identifyCommand } = await import('../../contract/messages/decode-command.js');
    const { revocableTokensOf } = await import('../token-verifier.js');

    const { settings, store, transport, policy, quotas, workerId, failpoints, logger, metrics } = context;
    const observer = new WorkerMetrics(metrics.meter);
    let storeTrouble: StoreError | null = null;
    let running: InstanceType<typeof Worker> | null = null;
    const tokens = settings.commandAuth === 'jwt' ? revocableTokensOf(settings, store, logger) : null;

    const health = (): HealthState => {
      if (running === null) return { ok: false, detail: 'starting' };
      const { registryAnsweredAt, partitions } = running.status;
      if (storeTrouble !== null) return { ok: false, detail: `the store does not answer: ${storeTrouble.message}` };
      if (registryAnsweredAt === null || realTime.now().getTime() - registryAnsweredAt.getTime() > REGISTRY_SILENCE_MS)
        return { ok: false, detail: 'no word from the registry' };
      const stuck = stuckPartitions(partitions, realTime.now());
      if (stuck.length > 0) {
        const isRefused = partitions.some(({ obstacle }) => obstacle === 'refused');
        const why = isRefused ? transport.sink.explainRefusal?.() : null;
        return { ok: false, detail: [...stuck, ...(why == null ? [] : [why])].join('; ') };
      }
      const owned = partitions.filter(({ epoch }) => epoch !== null).map(({ partition }) => partition);
      return { ok: true, detail: `owns ${owned.length === 0 ? 'none' : owned.join(', ')}` };
    };

    const start = async () => {
      if (!(await store.settleSearch()))
        throw new StartupError([
          `SEARCH is ${settings.search}, but other workers run with another value: stop them first`,
        ]);
      tokens?.start();
      const executor = new BatchExecutor({
        store: store.commands,
        decider: new CommandDecider(
          new PolicyEnforcementPoint(policy, settings.decisionSampleRate),
          settings.editWindowMs,
          { chatMembersMax: settings.chatMembersMax, userChatsMax: settings.userChatsMax },
        ),
        observer,
        logger,
        time: realTime,
        maxCommandAttempts: settings.maxCommandAttempts,
        steps: failpoints,
        onStoreTrouble: (error) => {
          storeTrouble = error;
        },
      });
      const started = new Worker({
        workerId,
        partitions: settings.partitions,
        receiptRetentionMs: settings.receiptRetentionMs,
        decisionRetentionMs: settings.decisionRetentionMs,
        registry: store.registry,
        store: store.commands,
        decisions: store.decisions,
        source: transport.source,
        receipts: transport.receipts,
        deadLetters: transport.deadLetters,
        executor,
        reader: {
          identify: identifyCommand,
          verifier: tokens !== null ? new RetryingTokenVerifier(tokens.verifier, settings.jwksWaitMs, realTime) : null,
          tokenGraceSeconds: settings.tokenExpiryGraceMs / 1000,
        },
        quotas,
        publisher: {
          log: new SharedRecipients(store.log, realTime),
          sink: transport.sink,
          live: settings.realtime === 'off' || transport.live === null ? undefined : new LiveCopies(transport.live),
          policy,
          observer,
          logger,
          time: realTime,
          render: { storeId: store.identity.storeId, recipientsMax: settings.eventRecipientsMax },
          steps: failpoints,
        },
        observer,
        logger,
        time: realTime,
        isTransportReady: () => transport.health().ok,
        steps: failpoints,
      });
      observer.watch(
        () => started.status,
        () => transport.queueDepths(),
      );
      running = started;
      started.start();
      transport.onReady(() => started.brokerReconnected());
      logger.info('worker', { workerId, partitions: settings.partitions });
    };
    const stop = async () => {
      await running?.stop();
      await tokens?.stop();
    };
    const indexing =
      settings.search === 'on' ? await indexingParts(context, 'worker', () => running?.isBusy ?? false) : null;
    return {
      services: [{ ...service('worker', start, stop), stopTimeoutMs: STOP_TIMEOUT_MS }, ...(indexing?.services ?? [])],
      health: { name: 'worker', check: health },
    };
  },
});
