import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import amqp from 'amqplib';
import { prepareBroker } from '../../src/adapters/transports/amqp/topology/prepare-broker.js';
import type { TransportState } from '../../src/application/ports/store/transport-state.js';
import { topology } from '../../src/contract/messages/topology.js';
import type { BenchOptions } from '../options.js';
import { type PrivateServices, query } from '../running/private-services.js';
import type { Subject } from './subject.js';

/** The default of a worker's `DISPATCH_MAX_BYTES`. */
const DISPATCH_MAX_BYTES = 2 ** 30;

/** The systems compared with Parley: the ceiling, and the naive service with Prisma or with `pg` alone. */
const PROGRAMS = {
  ceiling: { title: 'ceiling', script: './ceiling.js', isOrdered: true },
  naive: { title: 'naive service', script: './naive.js', isOrdered: false },
  usual: { title: 'usual service', script: './usual.js', isOrdered: false },
};
export type PlainService = keyof typeof PROGRAMS;

/** With the queues, tables and chats of Parley. */
export async function startPlainService(
  which: PlainService,
  services: PrivateServices,
  { partitions, sampleRate, chats }: Pick<BenchOptions, 'partitions' | 'sampleRate' | 'chats'>,
  template: string,
  namespace: string = which,
): Promise<Subject> {
  const { title, script, isOrdered } = PROGRAMS[which];
  const databaseUrl = await services.createDatabase(`bench_${namespace}`, template);
  await query(databaseUrl, 'CREATE SEQUENCE plain_position');
  await query(databaseUrl, 'INSERT INTO partitions (partition) SELECT generate_series(0, $1::int - 1)', [partitions]);
  await declareQueues(services.amqpUrl, namespace, partitions);
  const start = () =>
    startProgram(title, script, {
      DATABASE_URL: databaseUrl,
      AMQP_URL: services.amqpUrl,
      CHAT_NAMESPACE: namespace,
      COMMAND_PARTITIONS: String(partitions),
      DECISION_SAMPLE_RATE: sampleRate,
      CHATS: String(chats),
    });
  let program: Program | null = await start();
  const stop = async () => {
    await program?.stop();
    program = null;
  };
  return {
    title,
    namespace,
    databaseUrl,
    isOrdered,
    get pids() {
      return program === null ? [] : [program.pid];
    },
    batches: async () => null,
    suspend: stop,
    resume: async () => {
      program = await start();
    },
    stop,
  };
}

interface Program {
  pid: number;
  stop(): Promise<void>;
}

/** A service is ready after its first line of output. */
async function startProgram(title: string, script: string, env: Record<string, string>): Promise<Program> {
  const child = spawn(process.execPath, [fileURLToPath(new URL(script, import.meta.url))], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  const ending = ended.then(([code]) => {
    throw new Error(`${title} ended with ${code}`);
  });
  await Promise.race([once(child.stdout, 'data'), ending]);
  ending.catch(() => undefined); // missing receipts show a later failure
  return {
    pid: child.pid ?? 0,
    stop: async () => {
      child.kill('SIGTERM');
      await ended;
    },
  };
}

async function declareQueues(amqpUrl: string, namespace: string, partitions: number): Promise<void> {
  const connection = await amqp.connect(amqpUrl);
  const dispatchQueues = [{ name: `${namespace}.dispatch`, bindings: ['#'] }];
  const settings = { namespace, partitions, dispatchQueues, dispatchMaxBytes: DISPATCH_MAX_BYTES };
  // The namespace is new and has one user, so the bindings need no lock and no markers.
  const state: TransportState = {
    exclusively: (work) => work(),
    read: async (numbers) => numbers.map(() => 0),
    raise: () => Promise.reject(new Error(`namespace ${namespace} was used before`)),
  };
  const publisher = { publish: () => Promise.reject(new Error('nothing is published')) };
  await prepareBroker(connection, { namespace, topology: topology(settings), state, publisher });
  await connection.close();
}
