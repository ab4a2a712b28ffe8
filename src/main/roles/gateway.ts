import { variable } from '../../infrastructure/config/config.js';
import { byteSize, duration, integer, oneOf } from '../../infrastructure/config/config-values.js';
import type { HealthState } from '../../infrastructure/process/health.js';
import { service } from '../../infrastructure/process/service-runner.js';
import { BROKER, DATABASE, TOKEN_KEYS } from './needs.js';
import { defineRole } from './role.js';

/** Without a cut for this long, the gateway knows nothing of the log. */
const CUT_SILENCE_MS = 5_000;
const STOP_TIMEOUT_MS = 10_000;
/** Beyond `GATEWAY_DRAIN`: the last connections answer the closing. */
const DRAIN_MARGIN_MS = 5_000;

/** Live delivery: live feed and log → connected clients. */
export const gateway = defineRole({
  name: 'gateway',
  summary: 'push events to clients over WebSocket and server-sent events; shares the port of api',
  variables: {
    gatewayConnectionsMax: variable({
      name: 'GATEWAY_CONNECTIONS_MAX',
      parse: integer({ min: 1, max: 1_000_000 }),
      default: '20000',
      describe: 'Maximum number of realtime connections of one process; further ones are closed with 1013',
    }),
    gatewayUserConnectionsMax: variable({
      name: 'GATEWAY_USER_CONNECTIONS_MAX',
      parse: integer({ min: 1, max: 10_000 }),
      default: '20',
      describe: 'Maximum number of realtime connections of one user to one process; further ones are closed with 4429',
    }),
    gatewayUnauthenticatedMax: variable({
      name: 'GATEWAY_UNAUTHENTICATED_MAX',
      parse: integer({ min: 1, max: 1_000_000 }),
      default: '1000',
      describe: 'Maximum number of realtime connections of one process without a token yet; further ones get 1013',
    }),
    gatewayAuthTimeoutMs: variable({
      name: 'GATEWAY_AUTH_TIMEOUT',
      parse: duration({ min: 100, max: 60_000 }),
      default: '5s',
      describe: 'Time in which a realtime client must send its token',
    }),
    gatewayHeartbeatMs: variable({
      name: 'GATEWAY_HEARTBEAT',
      parse: duration({ min: 1_000, max: 300_000 }),
      default: '25s',
      describe: 'Longest silence on a realtime connection; a client that does not answer a ping for as long is gone',
    }),
    gatewayFrameMaxBytes: variable({
      name: 'GATEWAY_FRAME_MAX_BYTES',
      parse: byteSize({ min: 1024, max: 16 * 1024 * 1024 }),
      default: '300KiB',
      describe: 'Maximum size of a frame of a realtime client; a larger one closes the connection with 4413',
    }),
    gatewayCommandRate: variable({
      name: 'GATEWAY_COMMAND_RATE',
      parse: integer({ min: 1, max: 10_000 }),
      default: '20',
      describe: 'Commands per second of one realtime connection, on average; more close it with 4429',
    }),
    gatewayCommandBurst: variable({
      name: 'GATEWAY_COMMAND_BURST',
      parse: integer({ min: 1, max: 10_000 }),
      default: '60',
      describe: 'Commands of one realtime connection at once',
    }),
    gatewayOpenMax: variable({
      name: 'GATEWAY_OPEN_MAX',
      parse: integer({ min: 1, max: 1_000 }),
      default: '20',
      describe: 'Maximum number of chats that one realtime connection has open on screen',
    }),
    gatewayWatchMax: variable({
      name: 'GATEWAY_WATCH_MAX',
      parse: integer({ min: 1, max: 10_000 }),
      default: '200',
      describe: 'Maximum number of users whose presence one realtime connection watches',
    }),
    gatewayUnackedMax: variable({
      name: 'GATEWAY_UNACKED_MAX',
      parse: integer({ min: 8, max: 100_000 }),
      default: '256',
      describe: 'Pushes that a realtime client need not have acknowledged; with more it gets no content until it does',
    }),
    gatewayUnackedMaxBytes: variable({
      name: 'GATEWAY_UNACKED_MAX_BYTES',
      parse: byteSize({ min: 64 * 1024, max: 1024 ** 3 }),
      default: '1MiB',
      describe: 'The same for the size of these pushes',
    }),
    gatewaySyncConcurrency: variable({
      name: 'GATEWAY_SYNC_CONCURRENCY',
      parse: integer({ min: 1, max: 200 }),
      default: '4',
      describe: 'Maximum number of sync pages and memberships that one process reads at a time; further reads wait',
    }),
    gatewayDrainMs: variable({
      name: 'GATEWAY_DRAIN',
      parse: duration({ max: 600_000 }),
      default: '20s',
      describe: 'Time over which a stopping process closes its realtime connections',
    }),
    gatewayCompression: variable({
      name: 'GATEWAY_COMPRESSION',
      parse: oneOf('on', 'off'),
      default: 'off',
      describe: 'permessage-deflate for WebSockets: on needs some 100 KiB of memory for each connection',
    }),
    presence: variable({
      name: 'PRESENCE',
      parse: oneOf('on', 'off'),
      default: 'on',
      describe: 'Whether users see who is online among those with whom they share a chat',
    }),
    deliveryReceipts: variable({
      name: 'DELIVERY_RECEIPTS',
      parse: oneOf('on', 'off'),
      default: 'off',
      describe: 'on: the gateway marks chats as delivered when clients acknowledge messages; one command per mark',
    }),
  },
  needs: [DATABASE, BROKER, TOKEN_KEYS],

  async compose(context) {
    const { AudienceReader } = await import('../../application/policy/chat-audience.js');
    const { CommandSubmitter } = await import('../../application/gateway/submit-command.js');
    const { ChatViewing } = await import('../../application/policy/view-chat.js');
    const { Cursors } = await import('../../adapters/apis/http/paging/cursor.js');
    const { DeliveryMarks } = await import('../../application/realtime/delivery-marks.js');
    const { Gateway } = await import('../../application/realtime/gateway.js');
    const { onlyRealtime, RealtimeApi } = await import('../../adapters/apis/realtime/realtime-api.js');
    const { PolicyEnforcementPoint } = await import('../../application/policy/enforcement.js');
    const { ConnectionRecord } = await import('../../application/realtime/connection-record.js');
    const { Presence } = await import('../../application/realtime/presence.js');
    const { RealtimeMetrics } = await import('../../adapters/telemetry/realtime-metrics.js');
    const { realTime } = await import('../../application/runtime/time.js');
    const { SealedPasses } = await import('../../adapters/apis/realtime/sealed-passes.js');
    const { Sessions } = await import('../../application/realtime/sessions.js');
    const { Streams } = await import('../../adapters/apis/realtime/streams.js');
    const { SyncPageReader } = await import('../../adapters/apis/http/sync-pages.js');
    const { revocableTokensOf } = await import('../token-verifier.js');
    const { WebSockets } = await import('../../adapters/apis/realtime/websockets.js');

    const { settings, store, transport, policy, http, logger, health, metrics } = context;
    const gatewayId = `${context.workerId}-gateway`;
    const observer = new RealtimeMetrics(metrics.meter);
    let running: {
      gateway: InstanceType<typeof Gateway>;
      sessions: InstanceType<typeof Sessions>;
      webSockets: InstanceType<typeof WebSockets>;
      tokens: ReturnType<typeof revocableTokensOf>;
      record: InstanceType<typeof ConnectionRecord> | null;
    } | null = null;
    let isDraining = false;

    const start = async () => {
      const { live, ephemeral } = transport;
      if (live === null || ephemeral === null) throw new Error('the transport has no live feed');
      const enforcement = new PolicyEnforcementPoint(policy, settings.decisionSampleRate);
      const render = { storeId: store.identity.storeId, recipientsMax: settings.eventRecipientsMax };
      const largeChatMembers = Math.max(1, settings.eventRecipientsMax);
      const pages = new SyncPageReader(
        store.syncLog,
        new ChatViewing(store.queries, enforcement, store.decisions),
        new Cursors(store.identity.cursorSecret),
        new AudienceReader(store.recipients, policy, render.recipientsMax),
        render,
      );
      const started = new Gateway({
        ...{ gatewayId, feed: live, readers: store.liveReaders, reads: store.realtime, log: store.followed },
        ...{ pages, policy, render, observer, logger, time: realTime },
        settings: { syncConcurrency: settings.gatewaySyncConcurrency, largeChatMembers },
      });
      await started.start();
      const passes = new SealedPasses(store.identity.cursorSecret, () => Date.now());
      const tokens = revocableTokensOf(settings, store, logger);
      const { verifier, revocations } = tokens;
      tokens.start();
      const record =
        store.webhooks === null
          ? null
          : new ConnectionRecord({ gatewayId, store: store.webhooks.connected, logger, time: realTime });
      record?.start();
      const limits = {
        connectionsMax: settings.gatewayConnectionsMax,
        userConnectionsMax: settings.gatewayUserConnectionsMax,
        unauthenticatedMax: settings.gatewayUnauthenticatedMax,
        authTimeoutMs: settings.gatewayAuthTimeoutMs,
        heartbeatMs: settings.gatewayHeartbeatMs,
        frameMaxBytes: settings.gatewayFrameMaxBytes,
        commandsPerSecond: settings.gatewayCommandRate,
        commandBurst: settings.gatewayCommandBurst,
        openMax: settings.gatewayOpenMax,
        watchMax: settings.gatewayWatchMax,
        unackedMax: settings.gatewayUnackedMax,
        unackedMaxBytes: settings.gatewayUnackedMaxBytes,
        drainMs: settings.gatewayDrainMs,
        compression: settings.gatewayCompression === 'on',
        allowedOrigins: settings.allowedOrigins ?? [],
      };
      const presence = new Presence({
        ...{ gatewayId, feed: ephemeral, reads: store.realtime, time: realTime },
        membersMax: largeChatMembers,
        isOn: settings.presence === 'on',
      });
      const submitter = new CommandSubmitter(transport.gateway, store.queries, settings.receiptTimeoutMs);
      const isLarge = (chatId: string) => started.table.memberCount(chatId) > largeChatMembers;
      const marks =
        settings.deliveryReceipts === 'on' ? new DeliveryMarks({ submitter, isLarge, time: realTime, logger }) : null;
      const sessions = new Sessions({
        ...{ gateway: started, pages, verifier, passes, ephemeral, presence, marks, observer, logger, time: realTime },
        ...{ revocations, apiKeys: tokens.keys, record },
        submitter,
        settings: limits,
      });
      sessions.start();
      const webSockets = new WebSockets(sessions, limits);
      const api = new RealtimeApi(webSockets, new Streams({ sessions, passes, verifier, settings: limits }));
      http.mount({
        handle: api.handle.bind(api),
        upgrade: api.upgrade.bind(api),
        drainTimeoutMs: settings.gatewayDrainMs + DRAIN_MARGIN_MS,
        drain: async () => {
          isDraining = true;
          await sessions.drain();
        },
      });
      http.serveIfAlone(onlyRealtime(() => health.report().ok));
      observer.watch(() => ({
        connections: sessions.count,
        unauthenticated: sessions.unauthenticated,
        users: started.userCount,
        lag: started.lag,
        walksWaiting: started.walks.waiting,
      }));
      running = { gateway: started, sessions, webSockets, tokens, record };
    };
    const stop = async () => {
      await running?.sessions.stop();
      running?.webSockets.stop();
      await running?.gateway.stop();
      await running?.record?.stop();
      await running?.tokens.stop();
    };
    const check = (): HealthState => {
      if (running === null || !http.health.ok) return { ok: false, detail: 'starting' };
      if (isDraining) return { ok: false, detail: 'draining' };
      const { state } = running.gateway;
      if (state.kind === 'ended') return { ok: false, detail: state.why };
      if (state.kind === 'starting') return { ok: false, detail: 'starting' };
      if (realTime.elapsedMs() - state.cutAt > CUT_SILENCE_MS) return { ok: false, detail: 'the log cannot be read' };
      // Events still arrive from the log, only later.
      const feed = state.hasFeed ? '' : '; without the live feed';
      return { ok: true, detail: `${running.sessions.count} connections${feed}` };
    };
    return {
      services: [{ ...service('gateway', start, stop), stopTimeoutMs: STOP_TIMEOUT_MS }],
      health: { name: 'gateway', check },
    };
  },
});
