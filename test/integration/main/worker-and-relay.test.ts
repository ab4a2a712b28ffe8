import { join } from 'node:path';
import { expect } from 'chai';
import { readJsonLines } from '../../../src/adapters/sinks/json-lines/read-json-lines.js';
import { eventually } from '../../support/eventually.js';
import { Fleet } from '../../support/fleet/fleet.js';
import { startProcess, type TestProcess } from '../../support/fleet/processes.js';
import { scratchFolder } from '../../support/services/services.js';

const WITHIN_MS = 30_000;

describe('parley worker relay', function () {
  this.timeout(120_000);
  const folder = join(scratchFolder('relay'), 'lines');
  let fleet: Fleet;
  let both: TestProcess;

  before(async () => {
    fleet = await Fleet.create();
    both = await startProcess({ args: ['worker', 'relay'], env: { ...fleet.env, JSON_LINES_DIR: folder } });
    fleet.workers.push(both);
    await both.ready();
    await fleet.connect();
  });
  after(() => fleet?.close());

  it('reports the health of both roles', async () => {
    const report = (await (await fetch(`${both.opsUrl}/readyz`)).json()) as { dependencies: Record<string, object> };
    for (const role of ['worker', 'relay']) expect(report).to.have.nested.property(`dependencies.${role}.ok`, true);
  });

  it('processes a command, publishes its event, and delivers the event to the log consumer', async () => {
    const { chatId } = await fleet.createGroup(1);
    const lines = await eventually(
      async () => {
        const partitions = [...(await readJsonLines(folder)).values()];
        const ofChat = partitions.flatMap(({ lines }) => lines).filter(({ event }) => event?.partitionkey === chatId);
        return ofChat.length > 0 ? ofChat : undefined;
      },
      { within: WITHIN_MS, what: 'the event is in the JSON Lines files' },
    );
    expect(lines.map(({ event }) => [event?.id, event?.type])).to.deep.equal([[`${chatId}/1`, 'chat.created']]);
    await eventually(() => fleet.dispatch.events.some(({ id }) => id === `${chatId}/1`), {
      within: WITHIN_MS,
      what: 'the event is dispatched',
    });
  });

  it('stops both roles on SIGTERM', async () => {
    expect(await both.stop()).to.deep.equal({ code: 0, signal: null });
    const owners = await fleet.query('SELECT 1 FROM event_cursors WHERE lease_until > now()');
    expect(owners).to.deep.equal([]);
  });
});
