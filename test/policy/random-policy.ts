/** Policies of rules about viewing, made up at random from everything that such a rule can name. */
import fc from 'fast-check';
import type { Action } from '../../src/application/policy/facts.js';
import type {
  Comparable,
  Condition,
  PolicyDocument,
  PolicyRule,
} from '../../src/application/policy/policy-document.js';
import type { Claims } from '../../src/domain/user.js';

export const TENANTS = ['red', 'blue'] as const;
const RULES_MAX = 6;
const CONDITIONS_MAX = 3;

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

const CONDITIONS: { [fact: string]: fc.Arbitrary<Condition> } = {
  role: among('owner', 'admin', 'member', 'reader', null),
  'chat.kind': among('direct', 'group', 'channel'),
  'chat.archived': among(true, false),
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

const conditions = fc
  .subarray(Object.keys(CONDITIONS), { maxLength: CONDITIONS_MAX })
  .chain((facts) => fc.record(Object.fromEntries(facts.map((fact) => [fact, CONDITIONS[fact] ?? present]))));

const rule: fc.Arbitrary<Omit<PolicyRule, 'id'>> = fc.record({
  effect: fc.constantFrom('permit', 'permit', 'deny'),
  // A rule about something else may ask for claims that viewing is not decided by.
  actions: fc.constantFrom<Action[]>(['chat.view'], ['chat.view'], ['chat.view', 'message.send'], ['message.send']),
  conditions,
  reason: fc.constant('because'),
});

export const policy: fc.Arbitrary<PolicyDocument> = fc
  .array(rule, { minLength: 1, maxLength: RULES_MAX, size: 'max' })
  .map((rules) => ({
    version: 'made-up',
    rules: rules.map((one, index) => ({ ...one, id: `rule-${index}` })),
    quotas: [],
  }));
