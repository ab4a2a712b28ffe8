import { variable } from '../../infrastructure/config/config.js';
import { byteSize, duration, integer, oneOf, port } from '../../infrastructure/config/config-values.js';
import { service } from '../../infrastructure/process/service-runner.js';
import { BROKER, DATABASE, TOKEN_KEYS } from './needs.js';
import { defineRole } from './role.js';

/** The port of the RealChat message service. */
const DEFAULT_PORT = 50_053;
/** Beyond `GRPC_DRAIN`: connections are closed. */
const STOP_MARGIN_MS = 5_000;

/** gRPC: the operations of REST, a stream of events, and RealChat's MessageApi. */
export const grpc = defineRole({
  name: 'grpc',
  summary: 'serve gRPC: parley.v1 and realchat.message.v1.MessageApi',
  variables: {
    grpcPort: variable({
      name: 'GRPC_PORT',
      parse: port,
      describe: 'TCP port of gRPC. If unset: 50053, and dev does not serve gRPC',
    }),
    grpcMessageMaxBytes: variable({
      name: 'GRPC_MESSAGE_MAX_BYTES',
      parse: byteSize({ min: 1024, max: 16 * 1024 * 1024 }),
      default: '512KiB',
      describe: 'Maximum size of a gRPC request',
    }),
    grpcCallsPerConnectionMax: variable({
      name: 'GRPC_CALLS_PER_CONNECTION_MAX',
      parse: integer({ min: 1, max: 100_000 }),
      default: '100',
      describe: 'Maximum number of concurrent gRPC calls on one connection; further ones wait at the client',
    }),
    grpcCallsMax: variable({
      name: 'GRPC_CALLS_MAX',
      parse: integer({ min: 1, max: 1_000_000 }),
      default: '2000',
      describe:
        'Maximum number of concurrent gRPC calls of one process, streams included; further ones get UNAVAILABLE',
    }),
    grpcUserStreamsMax: variable({
      name: 'GRPC_USER_STREAMS_MAX',
      parse: integer({ min: 1, max: 10_000 }),
      default: '20',
      describe: 'Maximum number of concurrent gRPC streams of events of one user, per process',
    }),
    grpcStreamPollMs: variable({
      name: 'GRPC_STREAM_POLL',
      parse: duration({ min: 50, max: 60_000 }),
      default: '500ms',
      describe: 'Pause between two reads for a gRPC stream that has everything: how late its events can be',
    }),
    grpcDrainMs: variable({
      name: 'GRPC_DRAIN',
      parse: duration({ max: 600_000 }),
      default: '10s',
      describe: 'Time that a stopping process waits for gRPC calls in progress',
    }),
    grpcTrustUserId: variable({
      name: 'GRPC_TRUST_USER_ID',
      parse: oneOf('on', 'off'),
      default: 'off',
      describe:
        'on: the metadata x-user-id names the caller of MessageApi without a token. Only behind a proxy that sets it',
    }),
  },
  needs: [DATABASE, BROKER, TOKEN_KEYS],
  isInDev: ({ grpcPort }) => grpcPort !== undefined,

  async compose(context) {
    const { API_DEFAULTS } = await import('../../adapters/apis/http/api-settings.js');
    const { GrpcMetrics } = await import('../../adapters/telemetry/grpc-metrics.js');
    const { GrpcServer } = await import('../../adapters/apis/grpc/grpc-server.js');
    const { MemoryCallerLimiter } = await import('../../adapters/quotas/memory-caller-limiter.js');
    const { operationHandlers } = await import('../../adapters/apis/http/operation-handlers.js');
    const { OperationRunner } = await import('../../adapters/apis/http/operation-runner.js');
    const { PolicyEnforcementPoint } = await import('../../application/policy/enforcement.js');
    const { documentOf } = await import('../policy/policy-file.js');
    const { revocableTokensOf } = await import('../token-verifier.js');

    const { settings, store, transport, policy, host, logger, metrics } = context;
    const { rateLimitRequests, rateLimitWindowMs, receiptTimeoutMs } = settings;
    const observer = new GrpcMetrics(metrics.meter);
    let running: {
      server: InstanceType<typeof GrpcServer>;
      revocations: ReturnType<typeof revocableTokensOf>['revocations'];
    } | null = null;

    const start = async () => {
      const { verifier, revocations } = revocableTokensOf(settings, store, logger);
      revocations.start();
      const handlers = operationHandlers({
        queries: store.queries,
        history: store.history,
        search: store.search,
        syncLog: store.syncLog,
        policy: new PolicyEnforcementPoint(policy, settings.decisionSampleRate),
        decisions: store.decisions,
        readPolicy: documentOf,
        apiKeys: store.apiKeys,
        webhooks: store.webhooks?.administration ?? null,
        gateway: transport.gateway,
        log: store.recipients,
        ...store.identity,
        settings: {
          receiptTimeoutMs,
          recipientsMax: settings.eventRecipientsMax,
          readsAtOnce: settings.readsAtOnce,
          searchesAtOnce: settings.searchesAtOnce,
        },
      });
      const limiter = new MemoryCallerLimiter({ requests: rateLimitRequests, windowSeconds: rateLimitWindowMs / 1000 });
      const timeLimitMs = receiptTimeoutMs + API_DEFAULTS.answerTimeLimitMs;
      const server = new GrpcServer({
        operations: new OperationRunner({ ...handlers, limiter, logger, timeLimitMs }),
        verifier,
        settings: {
          messageMaxBytes: settings.grpcMessageMaxBytes,
          callsPerConnectionMax: settings.grpcCallsPerConnectionMax,
          callsMax: settings.grpcCallsMax,
          userStreamsMax: settings.grpcUserStreamsMax,
          streamPollMs: settings.grpcStreamPollMs,
          drainMs: settings.grpcDrainMs,
          trustsUserId: settings.grpcTrustUserId === 'on',
        },
        observer,
        logger,
      });
      const bound = await server.listen(host, settings.grpcPort ?? DEFAULT_PORT);
      observer.watch(() => server.callCount);
      running = { server, revocations };
      logger.info('grpc', { port: bound });
    };
    const stop = async () => {
      await running?.server.stop();
      await running?.revocations.stop();
    };
    return {
      services: [{ ...service('grpc', start, stop), stopTimeoutMs: settings.grpcDrainMs + STOP_MARGIN_MS }],
      health: {
        name: 'grpc',
        check: () =>
          running === null
            ? { ok: false, detail: 'starting' }
            : { ok: true, detail: `${running.server.callCount} calls in progress` },
      },
    };
  },
});
