/** What every long-running process of ours has: a log, metrics, health and the port that tells of them. */

import { HealthRegistry } from '../infrastructure/health.js';
import type { Logger, ProcessLogger } from '../infrastructure/logger.js';
import { createLogger } from '../infrastructure/logger.js';
import { type Metrics, startMetrics } from '../infrastructure/metrics.js';
import { type OpsServer, startOpsServer } from '../infrastructure/ops-server.js';
import type { Service } from '../infrastructure/process-life.js';
import type { Settings } from './settings.js';

export interface ProcessBasics {
  logger: ProcessLogger;
  health: HealthRegistry;
  metrics: Metrics;
}

export function processLogger(settings: Settings, service: string): ProcessLogger {
  const format = settings.logFormat ?? (process.stderr.isTTY ? 'pretty' : 'json');
  return createLogger({ level: settings.logLevel, format, service });
}

export function processBasics(settings: Settings, service: string): ProcessBasics {
  return { logger: processLogger(settings, service), health: new HealthRegistry(), metrics: startMetrics('parley') };
}

/** The ops port: first up, last down, so that it can be asked about everything in between. */
export class OpsService implements Service {
  readonly name = 'ops';
  private server: OpsServer | null = null;

  constructor(
    private readonly basics: ProcessBasics,
    private readonly port: number,
    private readonly host: string,
  ) {}

  async start(): Promise<void> {
    const { health, metrics, logger } = this.basics;
    this.server = await startOpsServer({
      port: this.port,
      host: this.host,
      health,
      metrics: (request, response) => metrics.handler(request, response),
    });
    logger.info('ops port', { port: this.server.port });
  }

  async stop(): Promise<void> {
    await this.server?.close();
    await this.basics.metrics.shutdown();
  }
}

/** A service made of two functions. */
export function service(name: string, start: () => Promise<void>, stop: () => Promise<void>): Service {
  return { name, start, stop };
}

export type { Logger };
