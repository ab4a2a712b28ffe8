import { freePort } from '../../src/infrastructure/free-port.js';
import type { BenchOptions } from '../options.js';
import { policyWithoutQuotas } from '../quota/quota-policy.js';
import type { PrivateServices } from '../running/private-services.js';
import type { Subject } from './subject.js';
import { startWorkerProcess, type WorkerProcess } from './worker-process.js';

const MS_PER_SECOND = 1_000;

export interface ParleyGiven {
  /** In reports. Default `Parley`. */
  title?: string;
  /** The namespace, for a second Parley on the same broker. Default `bench`. */
  namespace?: string;
  /** More environment variables of the workers. */
  env?: Record<string, string>;
  /** Database to copy; default: an empty one. */
  template?: string;
  /** A script to run instead of `parley worker`. */
  program?: string;
}

export interface ParleySubject extends Subject {
  readonly workers: readonly WorkerProcess[];
  /** Environment of the workers, for other roles beside them. */
  readonly env: Readonly<Record<string, string>>;
}

/** Worker processes, ready. */
export async function startParley(
  services: PrivateServices,
  {
    workers: count,
    partitions,
    sampleRate,
    nodeFlags,
    workerSettings = {},
  }: Pick<BenchOptions, 'workers' | 'partitions' | 'sampleRate' | 'nodeFlags'> &
    Partial<Pick<BenchOptions, 'workerSettings'>>,
  given: ParleyGiven = {},
): Promise<ParleySubject> {
  const { namespace = 'bench' } = given;
  const databaseUrl = await services.createDatabase(`${namespace}_parley`, given.template);
  const workers: WorkerProcess[] = [];
  const policy = policyWithoutQuotas();
  const stop = async () => {
    for (const worker of workers.splice(0)) await worker.stop();
    policy.remove();
  };
  const env = {
    DATABASE_URL: databaseUrl,
    AMQP_URL: services.amqpUrl,
    CHAT_NAMESPACE: namespace,
    COMMAND_PARTITIONS: String(partitions),
    DECISION_SAMPLE_RATE: sampleRate,
    LOG_LEVEL: 'warn',
    POLICY_FILE: policy.file,
    ...workerSettings,
    ...given.env,
  };
  const start = async () => {
    try {
      for (let index = 0; index < count; index += 1)
        workers.push(
          await startWorkerProcess({ ...env, OPS_PORT: String(await freePort()) }, nodeFlags, given.program),
        );
    } catch (error) {
      await stop();
      throw error;
    }
  };
  await start();
  return {
    title: given.title ?? 'Parley',
    namespace,
    databaseUrl,
    isOrdered: true,
    workers,
    env,
    get pids() {
      return workers.map(({ pid }) => pid);
    },
    batches: async () => {
      const [worker] = workers;
      if (worker === undefined) return null;
      const metrics = await worker.metrics();
      const size = metrics.histogram('parley_batch_commands');
      const late = (quantile: string) =>
        metrics.total('process_event_loop_delay_seconds', `quantile="${quantile}"`) * MS_PER_SECOND;
      return {
        batches: size.count,
        commands: size.sum,
        readingMs: metrics.histogram('parley_stage_duration', 'stage="decode"').sum,
        transactionMs: metrics.histogram('parley_stage_duration', 'stage="transaction"').sum,
        loopDelayMs: { p50: late('0.5'), p99: late('0.99'), max: late('1') },
      };
    },
    suspend: stop,
    resume: start,
    stop,
  };
}
