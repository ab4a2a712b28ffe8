import { expect } from 'chai';
import { v7 } from 'uuid';
import { explainAbsence } from '../../../../src/application/policy/decisions/explain-absence.js';

const NOW = Date.parse('2026-11-28T12:00:00Z');
const DAY_MS = 86_400_000;
const keeping = { sampleRate: 0.01, retentionMs: 30 * DAY_MS };
/** The end of an id decides whether its permit is kept. */
const made = (at: number, end: string) => `${v7({ msecs: at }).slice(0, -6)}${end}`;

describe('The explanation for a missing decision', () => {
  it('is that permits are sampled, and this permit was not kept', () => {
    const id = made(NOW - DAY_MS, 'ffffff');
    expect(explainAbsence(id, keeping, NOW)).to.equal(
      `there is no decision ${id} in the log: permits are sampled (DECISION_SAMPLE_RATE=0.01), and this permit was not kept (all refusals are kept)`,
    );
    expect(explainAbsence(made(NOW, '000000'), { ...keeping, sampleRate: 0 }, NOW)).to.include('was not kept');
  });

  it('is that this permit is in the sample, so the database or the sample rate differs', () => {
    expect(explainAbsence(made(NOW - DAY_MS, '000000'), keeping, NOW)).to.include(
      'another database, or of another sample rate',
    );
  });

  it('is that its retention has passed', () => {
    expect(explainAbsence(made(NOW - 31 * DAY_MS, 'ffffff'), keeping, NOW)).to.match(
      /in the log any more: it was made on 2026-10-28T12:00:00\.000Z, and DECISION_RETENTION has passed$/,
    );
  });

  it('is that the id is not the id of a decision', () => {
    for (const id of ['25d63a2e-2e58-59e1-b206-937dc2ec3bd7', made(NOW + DAY_MS, 'ffffff')])
      expect(explainAbsence(id, keeping, NOW)).to.equal(
        `there is no decision ${id} in the log: it is not the id of a decision`,
      );
  });
});
