/** A test policy for visibility: the membership states that may view a chat. A test can replace it. */
import fc from 'fast-check';
import { PolicyEnforcementPoint } from '../../../../src/application/policy/enforcement.js';
import { role } from '../../../../src/contract/messages/commands.js';
import { type MembershipState, membershipStateOf } from '../../../../src/domain/membership-state.js';
import { NO_CLAIMS } from '../../../support/policies/default-policy.js';

export type View = readonly MembershipState[];

export const MEMBERSHIP_STATES: View = [false, true].flatMap((isArchived) =>
  role.options.map((one) => membershipStateOf(isArchived, one)),
);

/** Mostly some of them. */
export const view: fc.Arbitrary<View> = fc.oneof(
  { weight: 1, arbitrary: fc.constant(MEMBERSHIP_STATES) },
  { weight: 5, arbitrary: fc.subarray([...MEMBERSHIP_STATES], { minLength: 2, maxLength: 6 }) },
);

export class ChangingView {
  readonly policy = new PolicyEnforcementPoint({
    ...NO_CLAIMS,
    decide: ({ action, chat, role: own }) =>
      action !== 'chat.view' || (chat !== null && own !== null && this.shows(chat.archived, own))
        ? { effect: 'permit', rule: 'shown' }
        : { effect: 'deny', rule: 'hidden', detail: 'hidden' },
  });

  constructor(public shown: View = MEMBERSHIP_STATES) {}

  readonly shows = (isArchived: boolean, own: (typeof role.options)[number]): boolean =>
    this.shown.includes(membershipStateOf(isArchived, own));
}
