/** What a policy shows members of chats, made up for tests: a set of standings, which can be replaced. */
import fc from 'fast-check';
import { PolicyEnforcementPoint } from '../../../../src/application/policy/enforcement.js';
import { role } from '../../../../src/contract/messages/commands.js';
import { type MembershipState, membershipStateOf } from '../../../../src/domain/membership-state.js';
import { NO_CLAIMS } from '../../../support/policies/default-policy.js';

export type View = readonly MembershipState[];

export const STANDINGS: View = [false, true].flatMap((isArchived) =>
  role.options.map((one) => membershipStateOf(isArchived, one)),
);

/** Mostly some of them. */
export const view: fc.Arbitrary<View> = fc.oneof(
  { weight: 1, arbitrary: fc.constant(STANDINGS) },
  { weight: 5, arbitrary: fc.subarray([...STANDINGS], { minLength: 2, maxLength: 6 }) },
);

export class ChangingView {
  readonly policy = new PolicyEnforcementPoint({
    ...NO_CLAIMS,
    decide: ({ action, chat, role: own }) =>
      action !== 'chat.view' || (chat !== null && own !== null && this.shows(chat.archived, own))
        ? { effect: 'permit', rule: 'shown' }
        : { effect: 'deny', rule: 'hidden', detail: 'hidden' },
  });

  constructor(public shown: View = STANDINGS) {}

  readonly shows = (isArchived: boolean, own: (typeof role.options)[number]): boolean =>
    this.shown.includes(membershipStateOf(isArchived, own));
}
