/** What every long-running process of ours has: a log, metrics, health and the port that tells of them. */

import { createLogger, type ProcessLogger } from '../infrastructure/logging/logger.js';
import { HealthRegistry } from '../infrastructure/process/health.js';
import { type Metrics, startMetrics } from '../infrastructure/process/metrics.js';
import { type OpsServer, startOpsServer } from '../infrastructure/process/ops-server.js';
import type { Service } from '../infrastructure/process/service-runner.js';
import { rethrowAsStartupError } from '../infrastructure/process/startup-error.js';
import type { Settings } from './settings.js';

export interface ProcessBasics {
  logger: ProcessLogger;
  health: HealthRegistry;
  metrics: Metrics;
}

export function processBasics(settings: Settings, service: string): ProcessBasics {
  const format = settings.logFormat ?? (process.stderr.isTTY ? 'pretty' : 'json');
  const logger = createLogger({ level: settings.logLevel, format, service });
  return { logger, health: new HealthRegistry(), metrics: startMetrics('parley') };
}

/** The ops port: first up, last down, so that it can be asked about everything in between. */
export class OpsService implements Service {
  readonly name = 'ops';
  private server: OpsServer | null = null;

  constructor(
    private readonly basics: ProcessBasics,
    private readonly wantedPort: number,
    private readonly host: string,
  ) {}

  /** The port it listens on, once started. */
  get port(): number {
    return this.server?.port ?? this.wantedPort;
  }

  async start(): Promise<void> {
    const { health, metrics, logger } = this.basics;
    this.server = await startOpsServer({
      port: this.wantedPort,
      host: this.host,
      health,
      metrics: (request, response) => metrics.handler(request, response),
    }).catch(rethrowAsStartupError);
    logger.info('ops port', { port: this.server.port });
  }

  async stop(): Promise<void> {
    await this.server?.close();
    await this.basics.metrics.shutdown();
  }
}

/** A service made of functions; a mere step of the start needs no stopping. */
export function service(
  name: string,
  start: () => Promise<void>,
  stop = async (): Promise<void> => undefined,
): Service {
  return { name, start, stop };
}
