import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import amqp from 'amqplib';
import { declareTopology } from '../src/adapters/amqp/declare-topology.js';
import { topology } from '../src/contract/topology.js';
import type { BenchOptions } from './options.js';
import { type PrivateServices, query } from './private-services.js';
import type { Subject } from './subject.js';
import type { Workload } from './workload.js';

/** As a worker's `DISPATCH_MAX_BYTES`. */
const DISPATCH_MAX_BYTES = 2 ** 30;

/** What Parley is compared with: the service that people write first (usual.ts), and its own plumbing without the thinking (ceiling.ts). */
const PROGRAMS = {
  usual: { title: 'usual service', script: './usual.js', isOrdered: false },
  ceiling: { title: 'ceiling', script: './ceiling.js', isOrdered: true },
};

/** With the same queues and tables as Parley, and with the workload's chats in them. */
export async function startPlainService(
  which: keyof typeof PROGRAMS,
  services: PrivateServices,
  { partitions }: BenchOptions,
  workload: Workload,
): Promise<Subject> {
  const { title, script, isOrdered } = PROGRAMS[which];
  const databaseUrl = await services.createDatabase(`bench_${which}`);
  await declareQueues(services.amqpUrl, which, partitions);
  await createChats(databaseUrl, partitions, workload);
  const child = spawn(process.execPath, [fileURLToPath(new URL(script, import.meta.url))], {
    env: {
      DATABASE_URL: databaseUrl,
      AMQP_URL: services.amqpUrl,
      CHAT_NAMESPACE: which,
      COMMAND_PARTITIONS: String(partitions),
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  const ending = ended.then(([code]) => {
    throw new Error(`${title} ended with ${code}`);
  });
  await Promise.race([once(child.stdout, 'data'), ending]);
  ending.catch(() => undefined); // later the missing receipts tell
  return {
    title,
    namespace: which,
    databaseUrl,
    isOrdered,
    pids: child.pid === undefined ? [] : [child.pid],
    batches: async () => null,
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
  await declareTopology(connection, topology(settings));
  await connection.close();
}

/** It has no command for that, nor an event: the first message is number 1. */
async function createChats(databaseUrl: string, partitions: number, workload: Workload): Promise<void> {
  const { chats } = workload;
  await query(databaseUrl, 'CREATE SEQUENCE usual_position');
  await query(databaseUrl, 'INSERT INTO partitions (partition) SELECT generate_series(0, $1::int - 1)', [partitions]);
  await query(
    databaseUrl,
    `INSERT INTO chats (chat_id, tenant_id, partition, kind, metadata, created_by, created_at, last_sequence, last_ordinal,
       member_count, owner_count, last_activity_at)
     SELECT chat_id, 'default', index % $3, 'group', '{}', owner, now(), 0, 0, 2, 1, now()
     FROM unnest($1::uuid[], $2::text[]) WITH ORDINALITY AS t (chat_id, owner, index)`,
    [chats, chats.map((chatId) => workload.member(chatId, 0)), partitions],
  );
  for (const [index, role] of ['owner', 'member'].entries())
    await query(
      databaseUrl,
      `INSERT INTO members (chat_id, user_id, tenant_id, role, joined_at, joined_sequence, read_sequence, read_ordinal)
       SELECT chat_id, user_id, 'default', $3, now(), 0, 0, 0 FROM unnest($1::uuid[], $2::text[]) AS t (chat_id, user_id)`,
      [chats, chats.map((chatId) => workload.member(chatId, index)), role],
    );
}
