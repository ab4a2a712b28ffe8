import { constants } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ProcessLogger } from '../logging/logger.js';
import { StartupError } from './startup-error.js';

export interface Service {
  readonly name: string;
  /**
   * Settles when the service is up. A failure stops the process with exit code 1. A `StartupError` is shown to the
   * user; any other error is logged.
   */
  start(): Promise<void>;
  /** Finishes work in progress. Called only after `start` has resolved. */
  stop(): Promise<void>;
  /** Default: 10 s. */
  readonly stopTimeoutMs?: number;
  /** Called if the process must stop during the start. `start` should then end early, and may reject. */
  interrupt?(): void;
  /** Called at a second signal: ends, without the event loop, child processes that would survive this process. */
  abandon?(): void;
}

/** A service made of functions. A step of the start needs no `stop`. */
export function service(
  name: string,
  start: () => Promise<void>,
  stop = async (): Promise<void> => undefined,
): Service {
  return { name, start, stop };
}

export interface ProcessOptions {
  readonly logger: ProcessLogger;
  /** Default: SIGTERM and SIGINT. */
  readonly signals?: readonly NodeJS.Signals[];
}

const STOP_TIMEOUT_MS = 10_000;
/**
 * How long the process may run after its last service has stopped. After that it is ended, because something keeps the
 * event loop busy.
 */
const LINGER_TIMEOUT_MS = 2_000;
const SIGNAL_EXIT_BASE = 128;
/** Under npm one Ctrl-C arrives twice: from the terminal, and forwarded by npm. */
const SAME_SIGNAL_WINDOW_MS = 300;

/**
 * Runs the services of a process until it must stop. They are started in order and stopped in reverse order, each with
 * its time limit. Each is taken from the iterable when the one before is up, so that a generator can use earlier
 * services to create later ones. A signal ends the process with exit code 0, a second one immediately. An uncaught
 * error is logged, and ends the process with exit code 1 after a stop in the same order. The same happens if a service
 * fails to start or does not stop in time.
 *
 * The exit code is set, not forced, and the logger is closed last, so that no log line is lost.
 * @returns when everything has stopped
 * @throws StartupError of a service that did not start, when everything has stopped
 */
export async function runServices(
  services: Iterable<Service> | AsyncIterable<Service>,
  options: ProcessOptions,
): Promise<void> {
  const { logger } = options;
  const signals = options.signals ?? ['SIGTERM', 'SIGINT'];
  const begun: Service[] = [];
  const running: Service[] = [];
  let startupError: StartupError | undefined;
  let stopping = false;
  let exitCode = 0;
  let requestStop: () => void = () => undefined;
  const stopRequested = new Promise<void>((resolve) => {
    requestStop = resolve;
  });

  let firstSignalAt = 0;
  const onSignal = (name: NodeJS.Signals) => {
    if (stopping) {
      if (Date.now() - firstSignalAt < SAME_SIGNAL_WINDOW_MS) return;
      for (const service of begun.reverse()) service.abandon?.();
      process.exit(SIGNAL_EXIT_BASE + constants.signals[name]);
    }
    stopping = true;
    firstSignalAt = Date.now();
    logger.info('stopping', { signal: name });
    requestStop();
  };
  const onFatal = (error: unknown, origin: string) => {
    logger.error('uncaught error; stopping', { error, origin });
    exitCode = 1;
    stopping = true;
    requestStop();
  };
  const onRejection = (reason: unknown) => onFatal(reason, 'unhandledRejection');
  for (const name of signals) process.on(name, onSignal);
  process.on('uncaughtException', onFatal);
  process.on('unhandledRejection', onRejection);

  const fail = (message: string, fields: Record<string, unknown>) => {
    logger.error(message, fields);
    exitCode = 1;
  };
  try {
    for await (const service of services) {
      if (stopping) break;
      begun.push(service);
      if (!(await startOne(service, stopRequested, fail))) break;
      running.push(service);
    }
  } catch (error) {
    if (error instanceof StartupError) startupError = error;
    else fail('services could not be created', { error });
    exitCode = 1;
  }
  // A failed start stops the process like a signal. A later signal then counts as the second one.
  if (exitCode === 0) await stopRequested;
  stopping = true;
  await stopAll(running, fail);

  process.exitCode = exitCode;
  if (startupError === undefined) logger.info('stopped', { exitCode });
  await logger.close();
  for (const name of signals) process.off(name, onSignal);
  process.off('uncaughtException', onFatal);
  process.off('unhandledRejection', onRejection);
  setTimeout(() => process.exit(), LINGER_TIMEOUT_MS).unref();
  if (startupError !== undefined) throw startupError;
}

type Fail = (message: string, fields: Record<string, unknown>) => void;

/** If the process must stop during a start, the start gets the time limit of the stop. */
async function startOne(service: Service, stopRequested: Promise<void>, fail: Fail): Promise<boolean> {
  const timeoutMs = service.stopTimeoutMs ?? STOP_TIMEOUT_MS;
  const givenUp = new AbortController();
  let isInterrupted = false;
  const late = stopRequested.then(() => {
    if (service.interrupt !== undefined && !givenUp.signal.aborted) {
      isInterrupted = true;
      service.interrupt();
    }
    return sleep(timeoutMs, 'late' as const, { signal: givenUp.signal });
  });
  late.catch(() => undefined); // Aborted below.
  try {
    if ((await Promise.race([service.start(), late])) !== 'late') return true;
    fail('a service was still starting when its time to stop was over', { component: service.name, timeoutMs });
  } catch (error) {
    service.abandon?.();
    if (isInterrupted) return false;
    if (error instanceof StartupError) throw error;
    fail('a service did not start', { component: service.name, error });
    return false;
  } finally {
    givenUp.abort();
  }
  service.abandon?.();
  return false;
}

async function stopAll(running: readonly Service[], fail: Fail): Promise<void> {
  for (const service of [...running].reverse()) {
    const timeoutMs = service.stopTimeoutMs ?? STOP_TIMEOUT_MS;
    const deadline = new AbortController();
    try {
      const late = sleep(timeoutMs, 'late' as const, { signal: deadline.signal });
      late.catch(() => undefined); // Aborted below.
      if ((await Promise.race([service.stop(), late])) === 'late') {
        fail('a service did not stop in time', { component: service.name, timeoutMs });
        service.abandon?.();
      }
    } catch (error) {
      fail('a service failed to stop', { component: service.name, error });
      service.abandon?.();
    } finally {
      deadline.abort();
    }
  }
}
