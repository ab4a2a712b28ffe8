import { freePort } from '../src/infrastructure/free-port.js';
import type { BenchOptions } from './options.js';
import type { PrivateServices } from './private-services.js';
import type { Subject } from './subject.js';
import { startWorkerProcess, type WorkerProcess } from './worker-process.js';

/** Worker processes, ready to work. `given`: what else they are told, for one that does not run alone also another name than `bench`. */
export async function startParley(
  services: PrivateServices,
  {
    workers: count,
    partitions,
    permitShare,
    nodeFlags,
  }: Pick<BenchOptions, 'workers' | 'partitions' | 'permitShare' | 'nodeFlags'>,
  given: { namespace?: string; env?: Record<string, string> } = {},
): Promise<Subject> {
  const { namespace = 'bench' } = given;
  const databaseUrl = await services.createDatabase(`${namespace}_parley`);
  const workers: WorkerProcess[] = [];
  const stop = async () => {
    for (const worker of workers.splice(0)) await worker.stop();
  };
  const env = {
    DATABASE_URL: databaseUrl,
    AMQP_URL: services.amqpUrl,
    CHAT_NAMESPACE: namespace,
    COMMAND_PARTITIONS: String(partitions),
    DECISION_PERMIT_SHARE: permitShare,
    LOG_LEVEL: 'warn',
    ...given.env,
  };
  try {
    for (let index = 0; index < count; index += 1)
      workers.push(await startWorkerProcess({ ...env, OPS_PORT: String(await freePort()) }, nodeFlags));
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    title: 'Parley',
    namespace,
    databaseUrl,
    isOrdered: true,
    pids: workers.map(({ pid }) => pid),
    batches: async () => {
      const [worker] = workers;
      if (worker === undefined) return null;
      const size = await worker.histogram('parley_batch_commands');
      const reading = await worker.histogram('parley_stage_duration', 'stage="decode"');
      const transaction = await worker.histogram('parley_stage_duration', 'stage="transaction"');
      return {
        batches: size.count,
        commands: size.sum,
        readingMs: reading.sum,
        transactionMs: transaction.sum,
      };
    },
    stop,
  };
}
