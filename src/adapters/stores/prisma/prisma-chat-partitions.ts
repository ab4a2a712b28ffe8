import type { ChatPartition, ChatPartitions } from '../../../application/ports/store/chat-partitions.js';
import type { PrismaClient } from './generated/client.js';
import { rethrow } from './store-errors.js';

const LOWEST = '00000000-0000-0000-0000-000000000000';
const HIGHEST = 'ffffffff-ffff-ffff-ffff-ffffffffffff';
/** A sample consists of this many runs of neighbouring ids, each from a random start. */
const SAMPLE_RUNS = 32;

/** Neither without a partition nor being imported. */
const HAS_PARTITION = { partition: { gte: 0 } };

/** Rejects with a `StoreError`. */
export class PrismaChatPartitions implements ChatPartitions {
  constructor(private readonly database: PrismaClient) {}

  async page(after: string | null, limit: number): Promise<ChatPartition[]> {
    const where = { ...HAS_PARTITION, chatId: { gt: after ?? LOWEST } };
    const select = { chatId: true, partition: true };
    const page = this.database.chat.findMany({ where, select, orderBy: { chatId: 'asc' }, take: limit });
    return (await page.catch(rethrow)) as ChatPartition[];
  }

  async sample(limit: number): Promise<ChatPartition[]> {
    const all = await this.page(null, limit + 1);
    if (all.length <= limit) return all;
    const last = await this.database.chat
      .findFirst({ where: HAS_PARTITION, select: { chatId: true }, orderBy: { chatId: 'desc' } })
      .catch(rethrow);
    const from = numberOf(all[0]?.chatId ?? LOWEST);
    const to = numberOf(last?.chatId ?? HIGHEST);
    const found = new Map<string, ChatPartition>();
    for (let run = 0; run < SAMPLE_RUNS; run += 1) {
      const share = BigInt(Math.floor(Math.random() * 2 ** 32));
      const start = from + ((to - from) * share) / 2n ** 32n;
      for (const home of await this.page(uuidOf(start), Math.ceil(limit / SAMPLE_RUNS))) found.set(home.chatId, home);
    }
    return [...found.values()].slice(0, limit);
  }
}

const numberOf = (uuid: string) => BigInt(`0x${uuid.replaceAll('-', '')}`);

function uuidOf(number: bigint): string {
  const hex = number.toString(16).padStart(32, '0');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
