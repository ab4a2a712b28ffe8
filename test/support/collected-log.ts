import { Writable } from 'node:stream';
import { createLogger, type ProcessLogger } from '../../src/infrastructure/logging/logger.js';

/** A logger that keeps its lines for the test. */
export function collectedLog(): { logger: ProcessLogger; lines: string[] } {
  const lines: string[] = [];
  const output = new Writable({
    write(chunk, _encoding, done) {
      lines.push(String(chunk));
      done();
    },
  });
  return { logger: createLogger({ level: 'debug', format: 'json', service: 'test', output }), lines };
}
