import { hostname } from 'node:os';
import { v7 } from 'uuid';
import { WorkerMetrics } from '../../adapters/telemetry/worker-metrics.js';
import { Worker } from '../../application/coordinator/worker.js';
import { PolicyEnforcementPoint } from '../../application/policy/enforcement.js';
import type { StoreError } from '../../application/ports/command-store.js';
import { BatchExecutor } from '../../application/processing/batch-executor.js';
import { CommandDecider } from '../../application/processing/command-decider.js';
import { RetryingTokenVerifier } from '../../application/processing/retrying-token-verifier.js';
import { stuckPartitions } from '../../application/processing/stuck-partitions.js';
import type { Failpoints } from '../../application/runtime/failpoints.js';
import { realTime } from '../../application/runtime/time.js';
import { identifyCommand } from '../../contract/messages/decode-command.js';
import type { Service } from '../../infrastructure/process/service-runner.js';
import { service } from '../observability.js';
import type { RoleContext } from './role-context.js';
import { tokenVerifierOf } from './token-verifier.js';

/** The batch in hand may wait for a database that hangs, and so may giving the partitions up. */
const WORKER_STOP_TIMEOUT_MS = 25_000;
/** A worker that has not heard from the registry for this long is not ready. */
const REGISTRY_SILENCE_MS = 5_000;

export function newWorkerId(): string {
  return `${hostname().slice(0, 40)}-${process.pid}-${v7().slice(-6)}`;
}

/** Commands → store → events. `steps` is for tests that stop a worker at a named point. */
export function workerRole(context: RoleContext, workerId: string, steps?: Failpoints): Service {
  const { settings, store, transport, policy, quotas, logger, health, metrics } = context;
  const observer = new WorkerMetrics(metrics.meter);
  let storeTrouble: StoreError | null = null;
  let worker: Worker | null = null;

  health.add('worker', () => {
    if (worker === null) return { ok: false, detail: 'starting' };
    const { registryAnsweredAt, partitions } = worker.status;
    if (storeTrouble !== null) return { ok: false, detail: `the store does not answer: ${storeTrouble.message}` };
    if (registryAnsweredAt === null || realTime.now().getTime() - registryAnsweredAt.getTime() > REGISTRY_SILENCE_MS)
      return { ok: false, detail: 'no word from the registry' };
    const stuck = stuckPartitions(partitions, realTime.now());
    if (stuck.length > 0) {
      const why = partitions.some(({ obstacle }) => obstacle === 'refused') ? transport.sink.explainRefusal?.() : null;
      return { ok: false, detail: [...stuck, ...(why == null ? [] : [why])].join('; ') };
    }
    const owned = partitions.filter(({ epoch }) => epoch !== null).map(({ partition }) => partition);
    return { ok: true, detail: `owns ${owned.length === 0 ? 'none' : owned.join(', ')}` };
  });

  const start = async () => {
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
      onStoreTrouble: (error) => {
        storeTrouble = error;
      },
    });
    const running = new Worker({
      workerId,
      partitions: settings.partitions,
      concurrentBatches: settings.concurrentBatches,
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
        proof:
          settings.commandAuth === 'jwt'
            ? new RetryingTokenVerifier(tokenVerifierOf(settings, logger), settings.jwksWaitMs, realTime)
            : null,
        proofGraceSeconds: settings.tokenExpiryGraceMs / 1000,
      },
      quotas,
      publisher: {
        log: store.log,
        sink: transport.sink,
        policy,
        observer,
        logger,
        time: realTime,
        render: { storeId: store.identity.storeId, recipientsMax: settings.eventRecipientsMax },
        steps,
      },
      observer,
      logger,
      time: realTime,
      isTransportReady: () => transport.health().ok,
      steps,
    });
    observer.watch(
      () => running.status,
      () => transport.queueDepths(),
    );
    worker = running;
    running.start();
    transport.onReady(() => running.brokerReconnected());
    logger.info('worker', { workerId, partitions: settings.partitions });
  };
  return { ...service('worker', start, async () => worker?.stop()), stopTimeoutMs: WORKER_STOP_TIMEOUT_MS };
}
