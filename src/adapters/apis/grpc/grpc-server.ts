/** The gRPC server: the services of `parley.v1`, RealChat's `MessageApi`, health and reflection. */
import {
  type Server as GrpcServerType,
  Server,
  ServerCredentials,
  ServerInterceptingCall,
  type ServerInterceptor,
  type ServiceDefinition,
  status,
} from '@grpc/grpc-js';
import { ReflectionService } from '@grpc/reflection';
import { HealthImplementation } from 'grpc-health-check';
import { CallerSlots } from '../../../application/gateway/caller-slots.js';
import type { TokenVerifier } from '../../../application/ports/token-verifier.js';
import type { Logger } from '../../../infrastructure/logging/logger.js';
import { Callers } from './callers.js';
import type { GrpcSettings, Operations } from './operations.js';
import { ParleyServices } from './parley-services.js';
import { MESSAGE_API, RealchatApi } from './realchat-api.js';
import { Wire } from './wire.js';

const KEEPALIVE_MS = 30_000;
const KEEPALIVE_TIMEOUT_MS = 10_000;
/** Pings of clients more often than this end their connection. */
const PING_INTERVAL_MIN_MS = 10_000;

export interface GrpcObserver {
  /** `method` is the full name, `code` the gRPC status. */
  answered(method: string, code: number, seconds: number): void;
}

export interface GrpcServerDependencies {
  operations: Operations;
  verifier: TokenVerifier;
  settings: GrpcSettings;
  observer: GrpcObserver;
  logger: Logger;
}

export class GrpcServer {
  private readonly server: GrpcServerType;
  private readonly health: HealthImplementation;
  private readonly services: ParleyServices;
  private readonly names: string[];
  private calls = 0;

  constructor(private readonly dependencies: GrpcServerDependencies) {
    const { operations, verifier, settings, logger } = dependencies;
    const wire = new Wire();
    const callers = new Callers(verifier, wire);
    // No stream waits for another one.
    const streams = new CallerSlots(settings.userStreamsMax, 0);
    this.services = new ParleyServices({ wire, callers, operations, streams, settings, logger });
    const { trustsUserId } = settings;
    const realchat = new RealchatApi({ wire, callers, operations, trustsUserId, logger });
    const implementations = this.services.implementations.set(MESSAGE_API, realchat.implementation);
    this.server = new Server({
      'grpc.max_receive_message_length': settings.messageMaxBytes,
      'grpc.max_concurrent_streams': settings.callsPerConnectionMax,
      'grpc.keepalive_time_ms': KEEPALIVE_MS,
      'grpc.keepalive_timeout_ms': KEEPALIVE_TIMEOUT_MS,
      'grpc.http2.min_ping_interval_without_data_ms': PING_INTERVAL_MIN_MS,
      interceptors: [this.limiting()],
    });
    this.names = [...implementations.keys()];
    for (const [name, implementation] of implementations)
      this.server.addService(wire.services[name] as ServiceDefinition, implementation);
    this.health = new HealthImplementation(
      Object.fromEntries(['', ...this.names].map((name) => [name, 'SERVING' as const])),
    );
    this.health.addToServer(this.server);
    new ReflectionService(wire.services as ConstructorParameters<typeof ReflectionService>[0], {
      services: this.names,
    }).addToServer(this.server);
  }

  get callCount(): number {
    return this.calls;
  }

  /** Returns the port. */
  listen(host: string, port: number): Promise<number> {
    const address = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
    return new Promise((resolve, reject) => {
      this.server.bindAsync(address, ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      );
    });
  }

  /** Refuses new calls, ends the streams, and waits for calls in progress, at most `drainMs`. */
  async stop(): Promise<void> {
    const { settings, logger } = this.dependencies;
    for (const name of ['', ...this.names]) this.health.setStatus(name, 'NOT_SERVING');
    this.services.endStreams();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(() => {
        logger.warn('calls ended by the shutdown', { calls: this.calls });
        resolve();
      }, settings.drainMs);
    });
    await Promise.race([new Promise<void>((resolve) => this.server.tryShutdown(() => resolve())), late]);
    clearTimeout(timer);
    this.server.forceShutdown();
  }

  /** Counts and measures all calls, and refuses those beyond the limit of the process. */
  private limiting(): ServerInterceptor {
    return (definition, call) => {
      const startedAt = performance.now();
      const isOver = this.calls >= this.dependencies.settings.callsMax;
      this.calls += 1;
      let isCounted = true;
      const ended = (code: number) => {
        if (!isCounted) return;
        isCounted = false;
        this.calls -= 1;
        this.dependencies.observer.answered(definition.path, code, (performance.now() - startedAt) / 1_000);
      };
      return new ServerInterceptingCall(call, {
        start: (next) => {
          if (isOver) {
            next({});
            call.sendStatus({ code: status.UNAVAILABLE, details: 'too many calls', metadata: null });
            ended(status.UNAVAILABLE);
            return;
          }
          next({ onCancel: () => ended(status.CANCELLED) });
        },
        sendStatus: (sent, next) => {
          ended(sent.code);
          next(sent);
        },
      });
    };
  }
}
