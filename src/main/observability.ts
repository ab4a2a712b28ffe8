/** The logger, metrics, health checks and ops port that every long-running process has. */

import { createLogger, type LogLevel, type ProcessLogger } from '../infrastructure/logging/logger.js';
import { HealthRegistry } from '../infrastructure/process/health.js';
import { type Metrics, startMetrics } from '../infrastructure/process/metrics.js';
import { type OpsServer, startOpsServer } from '../infrastructure/process/ops-server.js';
import type { Service } from '../infrastructure/process/service-runner.js';
import { rethrowAsStartupError } from '../infrastructure/process/startup-error.js';

export interface ProcessBasics {
  logger: ProcessLogger;
  health: HealthRegistry;
  metrics: Metrics;
}

export interface LogSettings {
  logLevel: LogLevel;
  logFormat: 'json' | 'pretty' | undefined;
}

export function processBasics(settings: LogSettings, service: string): ProcessBasics {
  const format = settings.logFormat ?? (process.stderr.isTTY ? 'pretty' : 'json');
  const logger = createLogger({ level: settings.logLevel, format, service });
  return { logger, health: new HealthRegistry(), metrics: startMetrics('parley') };
}

/** The ops port. It is the first service to start and the last to stop, so that it reports on all others. */
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
