import { appendFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { JsonLinesConsumer } from '../../../../src/adapters/sinks/json-lines/json-lines-consumer.js';
import { readJsonLines } from '../../../../src/adapters/sinks/json-lines/read-json-lines.js';
import { renderEvent } from '../../../../src/application/outbox/render-event.js';
import type { Delivery } from '../../../../src/application/ports/log-consumer.js';
import { anEvent } from '../../../conformance/store/fixtures.js';
import { scratchFolder } from '../../../support/services/services.js';

const PARTITION = 3;

function delivery(epoch: number, positions: readonly number[], isRetry = false): Delivery {
  const events = positions.map((position) => {
    const entry = anEvent(position, { type: 'command.rejected', receipt: {} }, { partition: PARTITION });
    const { sequence } = entry;
    return { position, sequence, entry, event: renderEvent(entry, null, { storeId: 'store', recipientsMax: 1 }) };
  });
  const after = (positions[0] ?? 1) - 1;
  return { partition: PARTITION, epoch, after, through: positions.at(-1) ?? after, isRetry, events };
}

describe('The JSON Lines consumer', () => {
  let folder: string;
  const consumers: JsonLinesConsumer[] = [];
  const consumer = () => {
    const made = new JsonLinesConsumer({ folder, fsync: 'batch' });
    consumers.push(made);
    return made;
  };
  const merged = async () => {
    const lines = (await readJsonLines(folder)).get(PARTITION);
    return [lines?.lines.map(({ position }) => position), lines?.retried.map(({ position }) => position)];
  };
  beforeEach(() => {
    folder = join(scratchFolder('lines'), 'not', 'there', 'yet');
  });
  afterEach(async () => {
    for (const one of consumers.splice(0)) await one.close();
  });

  it('writes a line for each event, in a file for each partition and epoch', async () => {
    const relay = consumer();
    expect(await relay.deliver(delivery(7, [1, 2]))).to.deep.equal({ outcome: 'taken' });
    await relay.deliver({ ...delivery(2, [1]), partition: -1 });
    expect(readdirSync(folder).sort()).to.deep.equal(['imports.e2.jsonl', 'p3.e7.jsonl']);
    const [line = ''] = readFileSync(join(folder, 'p3.e7.jsonl'), 'utf8').split('\n');
    expect(JSON.parse(line)).to.deep.include({ partition: 3, position: 1, epoch: 7 });
    expect((JSON.parse(line) as { event: { id: string } }).event.id).to.equal('p3/1');
  });

  it('refuses a lower epoch once a higher one has written', async () => {
    const [zombie, successor] = [consumer(), consumer()];
    await zombie.deliver(delivery(1, [1, 2]));
    await successor.deliver(delivery(2, [3]));
    expect(await zombie.deliver(delivery(1, [3, 4]))).to.deep.equal({ outcome: 'fenced' });
    expect(await merged()).to.deep.equal([[1, 2, 3], []]);
  });

  it('does not count lines that a lower epoch wrote from where a higher one begins', async () => {
    await consumer().deliver(delivery(1, [1, 2, 3, 4, 5]));
    await consumer().deliver(delivery(2, [3]));
    expect(await merged()).to.deep.equal([[1, 2, 3], []]);
    await consumer().deliver(delivery(3, [4, 5, 6]));
    expect(await merged()).to.deep.equal([[1, 2, 3, 4, 5, 6], []]);
    // A rebuild begins anew.
    await consumer().deliver(delivery(4, [1]));
    expect(await merged()).to.deep.equal([[1], []]);
  });

  it('keeps parked events that were delivered again apart, so that they hide nothing', async () => {
    await consumer().deliver(delivery(1, [1, 3, 4]));
    await consumer().deliver(delivery(2, [2], true));
    expect(await merged()).to.deep.equal([[1, 3, 4], [2]]);
  });

  it('ignores an incomplete last line, and removes it before it continues', async () => {
    await consumer().deliver(delivery(1, [1]));
    const file = join(folder, 'p3.e1.jsonl');
    const torn = `{"partition":3,"position":2,${'x'.repeat(100_000)}`;
    appendFileSync(file, torn);
    expect(await merged()).to.deep.equal([[1], []]);
    await consumer().deliver(delivery(1, [2]));
    expect(await merged()).to.deep.equal([[1, 2], []]);
    writeFileSync(file, torn);
    await consumer().deliver(delivery(1, [1]));
    expect(await merged()).to.deep.equal([[1], []]);
  });

  it('counts an event once that was written again after a failure', async () => {
    const relay = consumer();
    await relay.deliver(delivery(1, [1, 2]));
    await relay.deliver(delivery(1, [1, 2, 3]));
    expect(await merged()).to.deep.equal([[1, 2, 3], []]);
  });
});
