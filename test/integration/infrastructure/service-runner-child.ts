// A process with two services, to be stopped by the tests: `service-runner-child.js <how it behaves>`.
import { createLogger } from '../../../src/infrastructure/logging/logger.js';
import { runServices, type Service } from '../../../src/infrastructure/process/service-runner.js';

const behaviour = process.argv[2];
const NEVER = new Promise<void>(() => undefined);
const KEEP_ALIVE_MS = 60_000;
const SHORT_STOP_TIMEOUT_MS = 200;
const LAST_WORK_MS = 50;

let keptAlive: NodeJS.Timeout | undefined;
const say = (line: string) => console.log(line);
const database: Service = {
  name: 'database',
  async start() {
    keptAlive = setInterval(() => undefined, KEEP_ALIVE_MS);
    say('database up');
  },
  async stop() {
    if (behaviour !== 'lingers') clearInterval(keptAlive);
    say('database down');
  },
  abandon() {
    say('database abandoned');
  },
};
const server: Service = {
  name: 'server',
  stopTimeoutMs: behaviour === 'slow' ? SHORT_STOP_TIMEOUT_MS : KEEP_ALIVE_MS,
  async start() {
    if (behaviour === 'broken') throw new Error('no such port');
    if (behaviour === 'never-up') {
      say('server starting');
      await NEVER;
    }
    say('server up');
    if (behaviour === 'throws') setImmediate(() => queueMicrotask(() => say((undefined as unknown as string).trim())));
    if (behaviour === 'rejects') setImmediate(() => void Promise.reject(new Error('nobody caught this')));
  },
  async stop() {
    say('server stopping');
    if (behaviour === 'slow' || behaviour === 'hangs') await NEVER;
    if (behaviour === 'stubborn') throw new Error('will not');
    await new Promise((resolve) => setTimeout(resolve, LAST_WORK_MS));
    say('server down');
  },
};
if (behaviour === 'never-up') Object.assign(server, { stopTimeoutMs: SHORT_STOP_TIMEOUT_MS });

const logger = createLogger({ level: 'info', format: 'json', service: 'child' });
await runServices([database, server], { logger });
