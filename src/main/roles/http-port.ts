/** The REST port of a process. The roles that serve HTTP share it. */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Logger } from '../../infrastructure/logging/logger.js';
import type { HealthState } from '../../infrastructure/process/health.js';
import type { Service } from '../../infrastructure/process/service-runner.js';
import { rethrowAsStartupError } from '../../infrastructure/process/startup-error.js';

/** An API with its own paths, beside the one that gets all other requests. */
export interface MountedApi {
  /** False: not one of its paths. */
  handle(request: IncomingMessage, response: ServerResponse): boolean;
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Ends its long-lived connections, before requests in progress are awaited. */
  drain(): Promise<void>;
  drainTimeoutMs: number;
}

const STOP_TIMEOUT_MS = 10_000;

export class HttpPort implements Service {
  readonly name = 'REST port';
  private app: RequestListener | null = null;
  private alone: RequestListener | null = null;
  private mounted: MountedApi | null = null;
  private server: { port: number; stop(): Promise<void> } | null = null;

  constructor(
    private readonly options: {
      port: number;
      host: string;
      logger: Logger;
      onListening?: ((role: string, port: number) => void) | undefined;
    },
  ) {}

  /** Gets all requests that no mounted API handles. Called before or while the services start. */
  serve(app: RequestListener): void {
    this.app = app;
  }

  /** For a process in which no role serves the other requests. */
  serveIfAlone(app: RequestListener): void {
    this.alone = app;
  }

  mount(api: MountedApi): void {
    this.mounted = api;
  }

  get stopTimeoutMs(): number {
    return STOP_TIMEOUT_MS + (this.mounted?.drainTimeoutMs ?? 0);
  }

  get health(): HealthState {
    return this.server === null ? { ok: false, detail: 'starting' } : { ok: true, detail: 'listens' };
  }

  /** Listens, after the roles have set up what they serve. Does nothing if no role serves HTTP. */
  async start(): Promise<void> {
    const { RestServer } = await import('../../adapters/apis/http/rest-server.js');
    const { mounted } = this;
    const app = this.app ?? this.alone;
    const { port, host, logger, onListening } = this.options;
    if (app === null) return;
    const listener: RequestListener = (request, response) => {
      if (mounted?.handle(request, response) !== true) app(request, response);
    };
    const onUpgrade =
      mounted === null
        ? undefined
        : (request: IncomingMessage, socket: Duplex, head: Buffer) => mounted.upgrade(request, socket, head);
    const server = new RestServer(listener, { port, host, onUpgrade }, logger);
    await server.start().catch(rethrowAsStartupError);
    this.server = server;
    onListening?.('api', server.port);
  }

  async stop(): Promise<void> {
    await this.mounted?.drain();
    await this.server?.stop();
  }
}
