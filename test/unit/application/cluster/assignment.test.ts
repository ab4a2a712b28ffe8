import { expect } from 'chai';
import fc from 'fast-check';
import { dutyOf, hasLiveOwner } from '../../../../src/application/cluster/assignment.js';
import { range } from '../processing/worker-harness.js';

describe('The assignment of partitions to workers', () => {
  const fleet = fc.uniqueArray(fc.string({ minLength: 1 }), { minLength: 1, maxLength: 10 }).map((ids) => ids.sort());
  const partitions = fc.integer({ min: 1, max: 64 });

  it('gives each partition one owner and, with two workers, another one as standby', () => {
    fc.assert(
      fc.property(fleet, partitions, (workers, count) => {
        for (const partition of range(0, count - 1)) {
          const duties = workers.map((worker) => dutyOf(worker, partition, workers));
          expect(duties.filter((duty) => duty === 'assigned')).to.have.length(1);
          expect(duties.filter((duty) => duty === 'standby')).to.have.length(workers.length > 1 ? 1 : 0);
        }
      }),
    );
  });

  it('is fair within one, for owned and standby partitions', () => {
    fc.assert(
      fc.property(fleet, partitions, (workers, count) => {
        for (const wanted of ['assigned', ...(workers.length > 1 ? ['standby'] : [])]) {
          const shares = workers.map(
            (worker) => range(0, count - 1).filter((partition) => dutyOf(worker, partition, workers) === wanted).length,
          );
          expect(Math.max(...shares) - Math.min(...shares)).to.be.at.most(1);
        }
      }),
    );
  });

  it('gives nothing to a worker that is not on the list', () => {
    fc.assert(
      fc.property(fleet, partitions, fc.string(), (workers, partition, stranger) => {
        fc.pre(!workers.includes(stranger));
        expect(dutyOf(stranger, partition, workers)).to.equal('none');
      }),
    );
    expect(dutyOf('a', 0, [])).to.equal('none');
  });

  it('counts a partition as owned while its owner is alive', () => {
    const row = { partition: 0, epoch: 1, position: 0, publishedThrough: 0, logFloor: 0 };
    const census = (owner: string | null) => ({
      workers: ['a', 'b'],
      partitions: [{ ...row, owner }],
      liveReaders: 0,
    });
    expect(hasLiveOwner(census('a'), 0)).to.equal(true);
    expect(hasLiveOwner(census('gone'), 0)).to.equal(false);
    expect(hasLiveOwner(census(null), 0)).to.equal(false);
    expect(hasLiveOwner(census('a'), 1), 'there is none').to.equal(false);
  });
});
