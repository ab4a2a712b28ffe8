/** Random policies about viewing, from everything that such a rule can name. */
import fc from 'fast-check';
import type {
  Comparable,
  Condition,
  PolicyDocument,
  PolicyRule,
} from '../../../src/application/policy/policy-document.js';
import type { Action } from '../../../src/application/ports/policy-decision-point.js';
import type { Claims } from '../../../src/domain/user.js';

export const TENANTS = ['red', 'blue'] as const;
const RULES = { minLength: 2, maxLength: 7 };
const CALLER_CONDITIONS_MAX = 2;

/** What users and tokens may have, seen from the rules: now and then something that no rule asks for. */
export const claims: fc.Arbitrary<Claims> = fc.record(
  {
    guest: fc.constantFrom<Claims[string]>(true, false, 'yes'),
    level: fc.constantFrom<Claims[string]>(1, 2, 3, '2'),
    teams: fc.subarray(['tea', 'coffee', 'water']),
    other: fc.constant('of no interest'),
  },
  { requiredKeys: [] },
);

const among = (...values: Comparable[]): fc.Arbitrary<Condition> =>
  fc.oneof(
    fc.subarray(values, { minLength: 1 }).map((is) => ({ is })),
    fc.subarray(values, { minLength: 1 }).map((isNot) => ({ isNot })),
  );
const present = fc.boolean().map((isThere): Condition => ({ present: isThere }));
const bounded = fc.oneof(
  fc.constantFrom(1, 2, 3).map((atLeast): Condition => ({ atLeast })),
  fc.constantFrom(1, 2).map((atMost): Condition => ({ atMost })),
);

type Conditions = { [attribute: string]: fc.Arbitrary<Condition> };

const OF_CHATS: Conditions = {
  role: among('owner', 'admin', 'member', 'reader', null),
  'chat.kind': among('direct', 'group', 'channel'),
  'chat.archived': among(true, false),
};
const OF_CALLERS: Conditions = {
  'actor.kind': among('human', 'bot', 'service'),
  'actor.tenantId': among(...TENANTS),
  ...Object.fromEntries(
    ['actor.claims', 'actor.token'].flatMap((where) => [
      [`${where}.guest`, fc.oneof(among(true, false, null), present)],
      [`${where}.level`, fc.oneof(bounded, among(1, 2))],
      [`${where}.teams`, fc.oneof(among('tea', 'coffee'), present)],
    ]),
  ),
};

const someOf = (all: Conditions, count: { minLength?: number; maxLength: number }) =>
  fc
    .subarray(Object.entries(all), count)
    .chain((chosen) => fc.record(Object.fromEntries(chosen) as { [attribute: string]: fc.Arbitrary<Condition> }));

/** Mostly something about the chat, so that mostly some chats are seen and some are not. */
const conditions = fc
  .tuple(
    fc.oneof(
      { weight: 6, arbitrary: someOf(OF_CHATS, { minLength: 1, maxLength: 2 }) },
      { weight: 1, arbitrary: fc.constant({}) },
    ),
    fc.oneof(
      { weight: 2, arbitrary: fc.constant({}) },
      { weight: 3, arbitrary: someOf(OF_CALLERS, { minLength: 1, maxLength: CALLER_CONDITIONS_MAX }) },
    ),
  )
  .map(([ofChat, ofCaller]) => ({ ...ofChat, ...ofCaller }));

const rule: fc.Arbitrary<Omit<PolicyRule, 'id'>> = fc.record({
  effect: fc.constantFrom('permit', 'permit', 'permit', 'deny'),
  // A rule about something else may ask for claims that viewing is not decided by.
  actions: fc.constantFrom<Action[]>(['chat.view'], ['chat.view'], ['chat.view', 'message.send'], ['message.send']),
  conditions,
  reason: fc.constant('because'),
});

export const policy: fc.Arbitrary<PolicyDocument> = fc.array(rule, { ...RULES, size: 'max' }).map((rules) => ({
  version: 'made-up',
  rules: rules.map((one, index) => ({ ...one, id: `rule-${index}` })),
  quotas: [],
}));
