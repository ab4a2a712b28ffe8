/** Kafka brokers for tests: librdkafka's mock cluster as a process of its own, built when it is first needed. */
import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { findOnPath } from '../../../../src/infrastructure/embedded/rabbitmq-program.js';
import { ensureInstalled } from '../debian-package.js';
import { projectFolder, scratchFolder } from '../services.js';
import { recordChild } from '../services-folder.js';

const SOURCE = join(projectFolder, 'test', 'support', 'services', 'kafka', 'mock-cluster.c');
const HEADER = '/usr/include/librdkafka/rdkafka_mock.h';
/** API keys of the Kafka protocol. */
export const PRODUCE = 0;
export const METADATA = 3;

let program: string | undefined;

/** What is missing for Kafka tests, in one line; undefined if nothing is. */
export function kafkaMissing(): string | undefined {
  if (findOnPath('cc') === undefined) return 'needs a C compiler for the Kafka mock cluster';
  return ensureInstalled('librdkafka-dev', 'needs librdkafka: install librdkafka-dev', () => existsSync(HEADER));
}

function built(): string {
  if (program !== undefined) return program;
  const path = join(scratchFolder('kafka'), 'mock-cluster');
  const { status, stderr } = spawnSync('cc', ['-O1', '-o', path, SOURCE, '-lrdkafka'], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`the Kafka mock cluster cannot be built: ${stderr}`);
  program = path;
  return path;
}

export interface ConsumedRecord {
  partition: number;
  offset: number;
  key: string;
  value: Buffer;
  headers: Record<string, string>;
}

export class KafkaMock {
  private readonly lines: AsyncIterator<string>;

  private constructor(
    private readonly child: ChildProcessWithoutNullStreams,
    lines: AsyncIterator<string>,
    readonly brokers: string[],
    readonly topic: string,
  ) {
    this.lines = lines;
  }

  /** With 0 partitions the topic does not exist. */
  static async start({ brokers = 3, topic = 'parley.events', partitions = 4 } = {}): Promise<KafkaMock> {
    const child = spawn(built(), [brokers, topic, partitions].map(String), { detached: true });
    if (child.pid === undefined) throw new Error('the Kafka mock cluster could not be started');
    recordChild(child.pid);
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const { value } = await lines.next();
    return new KafkaMock(child, lines, String(value).split(','), topic);
  }

  errors(api: number, code: number, count: number): Promise<unknown> {
    return this.command(`errors ${api} ${code} ${count}`);
  }

  /** Each answer of the broker is late by this time. */
  slow(broker: number, ms: number): Promise<unknown> {
    return this.command(`slow ${broker} ${ms}`);
  }

  down(broker: number): Promise<unknown> {
    return this.command(`down ${broker}`);
  }

  up(broker: number): Promise<unknown> {
    return this.command(`up ${broker}`);
  }

  leader(partition: number, broker: number): Promise<unknown> {
    return this.command(`leader ${partition} ${broker}`);
  }

  /** All records, each partition in the order of its offsets, as a consumer of librdkafka reads them. */
  async records(): Promise<ConsumedRecord[]> {
    return (await this.command('dump')).map((line) => {
      const [partition, offset, key = '', value = '', ...headers] = line.split(' ');
      const text = (hex: string) => Buffer.from(hex, 'hex').toString();
      return {
        partition: Number(partition),
        offset: Number(offset),
        key: text(key),
        value: Buffer.from(value, 'hex'),
        headers: Object.fromEntries(
          headers.map((header) => {
            const [name = '', hex = ''] = header.split('=');
            return [name, text(hex)];
          }),
        ),
      };
    });
  }

  async stop(): Promise<void> {
    const ended = once(this.child, 'close');
    this.child.stdin.end();
    await ended;
  }

  private async command(text: string): Promise<string[]> {
    this.child.stdin.write(`${text}\n`);
    const answer: string[] = [];
    for (;;) {
      const { value, done } = await this.lines.next();
      if (done === true) throw new Error(`the Kafka mock cluster has ended, at: ${text}`);
      if (value === 'ok') return answer;
      if (value.startsWith('error ')) throw new Error(`${text}: ${value.slice('error '.length)}`);
      answer.push(value);
    }
  }
}
