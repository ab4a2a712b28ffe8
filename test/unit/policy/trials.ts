import fc from 'fast-check';
import type { Chat } from '../../../src/domain/chat.js';
import { claims, policy } from './random-policy.js';
import { worldSpec } from './random-world.js';
import type { Tally, Trial } from './row-by-row.js';

const PAGE_MAX = 12;

const trial: fc.Arbitrary<Trial> = fc.record({
  document: policy,
  token: fc.option(claims, { freq: 4 }),
  limit: fc.integer({ min: 1, max: PAGE_MAX }),
  filter: fc.oneof(
    { weight: 3, arbitrary: fc.constant({}) },
    {
      weight: 1,
      arbitrary: fc.record(
        { kind: fc.constantFrom<Chat['kind']>('direct', 'group', 'channel'), archived: fc.boolean() },
        { requiredKeys: [] },
      ),
    },
  ),
});

/** Random data, and this many policies for it. */
export const trialsOf = (count: number) =>
  fc.record({ spec: worldSpec, trials: fc.array(trial, { minLength: count, maxLength: count }) });

export const nothingDecided = (): Tally => ({ decisions: 0, permitted: 0, filters: { all: 0, none: 0, some: 0 } });
