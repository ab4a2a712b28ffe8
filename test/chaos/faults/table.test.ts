import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { projectFolder } from '../../support/services/services.js';
import { scenarios } from '../scenarios/all.js';
import { acts, describe as inWords, scheduleOf } from '../schedules/schedule.js';
import { otherRows } from './other-rows.js';
import { ROWS, tableOf } from './table.js';

describe('The table of faults', () => {
  it('has a scenario or test for each row, and names only existing tests', () => {
    const played = [...scenarios, ...otherRows].map(({ row, name }) => ({ row, name, faults: [] }));
    expect(tableOf(played).filter(({ state }) => state !== 'passed')).to.deep.equal([]);
    const names = played.map(({ name }) => name);
    expect(new Set(names).size).to.equal(names.length);
    const files = otherRows.flatMap((row) => row.files);
    expect(files.filter((file) => !existsSync(join(projectFolder, 'dist', 'test', file)))).to.deep.equal([]);
  });

  it('shows failed, unplayed and partly played rows', () => {
    const [row, other, third, fourth] = ROWS;
    const table = tableOf([
      { row, name: 'good', faults: [] },
      { row, name: 'bad', faults: ['lost: 1'] },
      { row: other, name: 'impossible', faults: [], skipped: 'no file system can be mounted here' },
      { row: third, name: 'impossible', faults: [], skipped: 'no file system can be mounted here' },
      { row: third, name: 'possible', faults: [] },
    ]);
    const states = table.slice(0, 4).map(({ state }) => state);
    expect(states).to.deep.equal(['FAILED', 'NOT RUN', 'partly', 'NOT RUN']);
    expect(table[3]?.row).to.equal(fourth);
  });
});

describe('Fault schedules', () => {
  const numbers = Array.from({ length: 500 }, (_, index) => index + 1);

  it('are the same for the same seed, and differ for another one', () => {
    const drawn = (seed: number) => numbers.map((number) => inWords(scheduleOf(seed, number)));
    expect(drawn(1)).to.deep.equal(drawn(1));
    expect(drawn(1)).not.to.deep.equal(drawn(2));
    expect(new Set(drawn(1)).size).to.equal(numbers.length);
  });

  it('contain every act in 500 schedules, and sometimes two acts on different targets', () => {
    const where = new Map(acts.map((act) => [act.name, act]));
    for (const seed of [1, 2, 3]) {
      const schedules = numbers.map((number) => scheduleOf(seed, number).acts.map(({ name }) => name));
      expect(new Set(schedules.flat()).size, `by seed ${seed}`).to.be.greaterThan(acts.length - 3);
      const twos = schedules.filter(({ length }) => length === 2);
      expect(twos.length).to.be.within(75, 200);
      for (const [one = '', other = ''] of twos) {
        expect(where.get(one)?.where).not.to.equal(where.get(other)?.where);
        expect([one, other].some((name) => where.get(name)?.isAlone)).to.equal(false);
      }
    }
  });
});
