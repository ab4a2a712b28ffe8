import { constants } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ProcessLogger } from '../logging/logger.js';
import { StartupError } from './startup-error.js';

export interface Service {
  readonly name: string;
  /** Settles when it is up. Failing stops the process with exit code 1; a `StartupError` is for people, anything else is logged. */
  start(): Promise<void>;
  /** Finishes what is in hand. Called only after `start` has settled well. */
  stop(): Promise<void>;
  /** Default: 10 s. */
  readonly stopTimeoutMs?: number;
  /** The process is told to stop while this is starting: `start` should give up, and may reject for it. */
  interrupt?(): void;
  /** For a second signal: ends, without the event loop, what would outlive this process (a server that was started for it). */
  abandon?(): void;
}

export interface ProcessOptions {
  readonly logger: ProcessLogger;
  /** Default: SIGTERM and SIGINT. */
  readonly signals?: readonly NodeJS.Signals[];
}

const STOP_TIMEOUT_MS = 10_000;
/** How long the process may outlast its last service before it is ended: something keeps the event loop busy. */
const LINGER_TIMEOUT_MS = 2_000;
const SIGNAL_EXIT_BASE = 128;
/** One press of Ctrl-C arrives twice under npm: from the terminal and passed on by npm. */
const SAME_SIGNAL_WINDOW_MS = 300;

/**
 * Runs the services of a process until it is told to stop: started in order, stopped in reverse order, each with its deadline. They
 * are taken one by one, each when the one before is up: a generator can compose the later ones from what the earlier ones have.
 * A signal ends it with exit code 0, a second one at once. An error that nobody caught is logged, and ends it with exit code 1
 * after stopping in the same order; so do a service that does not start and one that does not stop in time.
 *
 * The exit code is set, not forced, and the logger is closed last: lines written on the way are not lost.
 * @returns when everything has stopped
 * @throws StartupError of a service that did not start, when everything has stopped
 */
export async function runServices(services: Iterable<Service>, options: ProcessOptions): Promise<void> {
  const { logger } = options;
  const signals = options.signals ?? ['SIGTERM', 'SIGINT'];
  const begun: Service[] = [];
  const running: Service[] = [];
  let startFault: StartupError | undefined;
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
    logger.error('an error that nobody caught: stopping', { error, origin });
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
    for (const service of services) {
      if (stopping) break;
      begun.push(service);
      if (!(await startOne(service, stopRequested, fail))) break;
      running.push(service);
    }
  } catch (error) {
    if (error instanceof StartupError) startFault = error;
    else fail('the services could not be put together', { error });
    exitCode = 1;
  }
  // A service that did not come up stops the process as a signal would; a later signal is then the impatient one.
  if (exitCode === 0) await stopRequested;
  stopping = true;
  await stopAll(running, fail);

  process.exitCode = exitCode;
  if (startFault === undefined) logger.info('stopped', { exitCode });
  await logger.close();
  for (const name of signals) process.off(name, onSignal);
  process.off('uncaughtException', onFatal);
  process.off('unhandledRejection', onRejection);
  setTimeout(() => process.exit(), LINGER_TIMEOUT_MS).unref();
  if (startFault !== undefined) throw startFault;
}

type Fail = (message: string, fields: Record<string, unknown>) => void;

/** A start under way when the process is told to stop gets the time that stopping would have had. */
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
  late.catch(() => undefined); // aborted below
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
      late.catch(() => undefined); // aborted below
      if ((await Promise.race([service.stop(), late])) === 'late') {
        fail('a service did not stop in time', { component: service.name, timeoutMs });
        service.abandon?.();
      }
    } catch (error) {
      fail('a service did not stop well', { component: service.name, error });
      service.abandon?.();
    } finally {
      deadline.abort();
    }
  }
}
