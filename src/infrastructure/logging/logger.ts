import type { Writable } from 'node:stream';
import { isSpanContextValid, trace } from '@opentelemetry/api';
import winston from 'winston';
import { redact } from './log-redaction.js';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
export type LogFields = Readonly<Record<string, unknown>>;

/**
 * The logger interface. Fields describe the context of the line. An `Error` is written with its name, message, stack,
 * code and cause. Fields named like a secret or a user's text (`token`, `authorization`, `password`, `body`, …) are
 * removed at any depth.
 */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

export interface ProcessLogger extends Logger {
  /** Settles when every line has been written. Do not log after it. */
  close(): Promise<void>;
}

export interface LoggerOptions {
  readonly level: LogLevel;
  /**
   * `json`: one object per line with `time`, `level`, `message`, `service`, `traceId` and `spanId` if there are any,
   * and the fields.
   */
  readonly format: 'json' | 'pretty';
  readonly service: string;
  /** Default: standard error. Standard output is for a command's result. */
  readonly output?: Writable;
}

/**
 * Maximum bytes of lines in memory while the reader is slow. Further lines are dropped, and the next written line has
 * their number.
 */
export const LINES_WAITING_MAX_BYTES = 8 * 1024 * 1024;
/** The reader of the output may have stopped without closing it. */
const CLOSE_TIMEOUT_MS = 5_000;

export function createLogger(options: LoggerOptions): ProcessLogger {
  const output = options.output ?? process.stderr;
  const winstonLogger = winston.createLogger({
    level: options.level,
    levels: { error: 0, warn: 1, info: 2, debug: 3 },
    format: winston.format.printf((info) => (options.format === 'json' ? json(info) : pretty(info))),
    transports: [new winston.transports.Stream({ stream: output, eol: '\n' })],
  });
  let linesLeftOut = 0;
  const write = (level: LogLevel, message: string, fields: LogFields = {}) => {
    if (!winstonLogger.isLevelEnabled(level)) return;
    if (output.writableLength >= LINES_WAITING_MAX_BYTES) {
      linesLeftOut += 1;
      return;
    }
    const line = {
      ...redact(fields),
      ...(linesLeftOut > 0 ? { linesLeftOut } : {}),
      time: new Date().toISOString(),
      service: options.service,
      ...traceFields(fields),
    };
    linesLeftOut = 0;
    winstonLogger.log({ level, message, [LINE]: line });
  };
  let closed: Promise<void> | undefined;
  return {
    debug: (message, fields) => write('debug', message, fields),
    info: (message, fields) => write('info', message, fields),
    warn: (message, fields) => write('warn', message, fields),
    error: (message, fields) => write('error', message, fields),
    close() {
      closed ??= new Promise<void>((resolve) => {
        const givenUp = setTimeout(resolve, CLOSE_TIMEOUT_MS);
        const written = () => {
          clearTimeout(givenUp);
          resolve();
        };
        winstonLogger.once('finish', () => output.write('', written));
        winstonLogger.end();
      });
      return closed;
    },
  };
}

/** Settles when every line has been written. */
export function closeLogger(logger: ProcessLogger): Promise<void> {
  return logger.close();
}

/** Separate from winston's own properties, so that a field named `message` or `level` cannot overwrite them. */
const LINE = Symbol('line');

type Info = winston.Logform.TransformableInfo;

function json(info: Info): string {
  const { time, service, ...fields } = info[LINE] as Record<string, unknown>;
  return JSON.stringify({ ...fields, time, level: info.level, message: info.message, service });
}

const COLOURS: Readonly<Record<string, number>> = { error: 31, warn: 33, info: 32, debug: 90 };

function pretty(info: Info): string {
  const { time, service: _service, ...fields } = info[LINE] as Record<string, unknown>;
  const level = info.level.toUpperCase().padEnd(5);
  const coloured = process.stderr.isTTY ? `\u001b[${COLOURS[info.level]}m${level}\u001b[0m` : level;
  const stacks: string[] = [];
  const words = Object.entries(fields).map(([name, value]) => {
    if (isErrorRecord(value)) {
      stacks.push(value.stack);
      return `${name}=${JSON.stringify(value.message)}`;
    }
    return `${name}=${typeof value === 'string' && /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value)}`;
  });
  const head = [String(time).slice(11, 23), coloured, info.message, ...words].join(' ');
  return [head, ...stacks.map((stack) => stack.replace(/^/gm, '    '))].join('\n');
}

function isErrorRecord(value: unknown): value is { message: string; stack: string } {
  return typeof value === 'object' && value !== null && 'stack' in value && typeof value.stack === 'string';
}

function traceFields(fields: LogFields): Record<string, unknown> {
  if (fields.traceId !== undefined) return {}; // An explicit trace id in the fields has priority.
  const context = trace.getActiveSpan()?.spanContext();
  return context && isSpanContextValid(context) ? { traceId: context.traceId, spanId: context.spanId } : {};
}
