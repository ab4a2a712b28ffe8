/** The roles a process can have, composed. Each is a service: started in order, stopped in reverse. */
import { hostname } from 'node:os';
import { v7 } from 'uuid';
import { createApi } from '../adapters/http/api.js';
import { API_DEFAULTS } from '../adapters/http/api-settings.js';
import { RestServer } from '../adapters/http/rest-server.js';
import { JwtActorProof } from '../adapters/jwt/actor-proof.js';
import { WorkerMetrics } from '../adapters/telemetry/worker-metrics.js';
import { BatchDecider } from '../application/batch/decide-batch.js';
import type { CurrentPolicy } from '../application/policy/current-policy.js';
import { PolicyEnforcementPoint } from '../application/policy/enforcement.js';
import type { StoreError } from '../application/ports/command-store.js';
import type { Quotas } from '../application/ports/quotas.js';
import { realTime } from '../application/time.js';
import { BatchRunner } from '../application/worker/batch-runner.js';
import type { StepListener } from '../application/worker/steps.js';
import { stuckPartitions } from '../application/worker/stuck-partitions.js';
import { Worker } from '../application/worker/worker.js';
import { identifyCommand } from '../contract/decode-command.js';
import { JwtVerifier } from '../infrastructure/jwt.js';
import type { Service } from '../infrastructure/process-life.js';
import { rethrowAsStartFault, StartFault } from '../infrastructure/start-fault.js';
import { documentOf } from './policy-file.js';
import { type ProcessBasics, service } from './process-basics.js';
import { type Settings, topologySettings } from './settings.js';
import type { Store } from './store.js';
import type { Transport } from './transport.js';

/** The batch in hand may wait for a database that hangs, and so may giving the partitions up. */
const WORKER_STOP_TIMEOUT_MS = 25_000;
/** A worker that has not heard from the registry for this long is not ready. */
const REGISTRY_SILENCE_MS = 5_000;

export interface RoleContext extends ProcessBasics {
  settings: Settings;
  store: Store;
  transport: Transport;
  policy: CurrentPolicy;
  quotas: Quotas;
}

export function newWorkerId(): string {
  return `${hostname().slice(0, 40)}-${process.pid}-${v7().slice(-6)}`;
}

function actorProof(settings: Settings): JwtActorProof {
  const { jwtSecret, jwtJwksUrl, jwtIssuer, jwtAudience } = settings;
  if (jwtSecret === undefined && jwtJwksUrl === undefined)
    throw new StartFault(['JWT_SECRET or JWT_JWKS_URL is required']);
  const keys = jwtJwksUrl === undefined ? { secret: jwtSecret ?? '' } : { keySetUrl: new URL(jwtJwksUrl) };
  return new JwtActorProof(new JwtVerifier({ keys, issuer: jwtIssuer, audience: jwtAudience }));
}

/** Commands → store → events. `steps` is for tests that stop a worker at a named point. */
export function workerRole(context: RoleContext, workerId: string, steps?: StepListener): Service {
  const { settings, store, transport, policy, quotas, logger, health, metrics } = context;
  const observer = new WorkerMetrics(metrics.meter);
  let storeTrouble: StoreError | null = null;
  let worker: Worker | null = null;

  health.add('worker', () => {
    if (worker === null) return { ok: false, detail: 'starting' };
    const { heardAt, partitions } = worker.status;
    if (storeTrouble !== null) return { ok: false, detail: `the store does not answer: ${storeTrouble.message}` };
    if (heardAt === null || realTime.now().getTime() - heardAt.getTime() > REGISTRY_SILENCE_MS)
      return { ok: false, detail: 'no word from the registry' };
    const stuck = stuckPartitions(partitions, realTime.now());
    if (stuck.length > 0) return { ok: false, detail: stuck.join('; ') };
    const owned = partitions.filter(({ epoch }) => epoch !== null).map(({ partition }) => partition);
    return { ok: true, detail: `owns ${owned.length === 0 ? 'none' : owned.join(', ')}` };
  });

  const start = async () => {
    const runner = new BatchRunner({
      store: store.commands,
      decider: new BatchDecider(
        new PolicyEnforcementPoint(policy, settings.decisionPermitShare),
        settings.editWindowMs,
      ),
      observer,
      logger,
      time: realTime,
      poisonAttempts: settings.poisonAttempts,
      onStoreTrouble: (error) => {
        storeTrouble = error;
      },
    });
    const running = new Worker({
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
      runner,
      reader: {
        identify: identifyCommand,
        proof: settings.actorProof === 'jwt' ? actorProof(settings) : null,
        proofGraceSeconds: settings.actorProofGraceMs / 1000,
      },
      quotas,
      publisher: {
        log: store.log,
        sink: transport.sink,
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
    transport.onReady(() => running.brokerIsBack());
    logger.info('worker', { workerId, partitions: settings.partitions });
  };
  return { ...service('worker', start, async () => worker?.stop()), stopTimeoutMs: WORKER_STOP_TIMEOUT_MS };
}

/** REST: queries from the store, commands through the same door as every producer's. */
export function apiRole(context: RoleContext, host: string, onListening?: (port: number) => void): Service {
  const { settings, store, transport, policy, logger, health } = context;
  let server: RestServer | null = null;
  health.add('rest', () => (server === null ? { ok: false, detail: 'starting' } : { ok: true, detail: 'listens' }));
  const start = async () => {
    const app = createApi({
      queries: store.queries,
      history: store.history,
      search: store.search,
      syncLog: store.syncLog,
      policy: new PolicyEnforcementPoint(policy, settings.decisionPermitShare),
      decisions: store.decisions,
      readPolicy: documentOf,
      door: transport.door,
      log: store.log,
      verifier: actorProof(settings),
      ...store.identity,
      health: () => health.report(),
      logger,
      settings: {
        ...API_DEFAULTS,
        receiptWaitMs: settings.receiptWaitMs,
        recipientsMax: settings.eventRecipientsMax,
        topology: topologySettings(settings),
        rateLimitRequests: settings.rateLimitRequests,
        rateLimitWindowSeconds: settings.rateLimitWindowMs / 1000,
        allowedOrigins: settings.allowedOrigins ?? [],
      },
    });
    const listening = new RestServer(app, { port: settings.port, host }, logger);
    await listening.start().catch(rethrowAsStartFault);
    server = listening;
    onListening?.(listening.port);
  };
  return service('api', start, async () => server?.stop());
}
