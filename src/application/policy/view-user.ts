/** Which profiles a caller may see. A user who may not be seen looks the same as one who does not exist. */

import { userKind } from '../../contract/messages/commands.js';
import type { User, UserKind } from '../../domain/user.js';
import type { ActorAttributes, PolicyAttributes } from '../ports/policy-decision-point.js';
import type { Caller, ChatQueries } from '../ports/queries/chat-queries.js';
import { withCallerAttributes } from './attributes/caller-attributes.js';
import { NO_ATTRIBUTES } from './attributes/no-attributes.js';
import type { PolicyEnforcementPoint } from './enforcement.js';

/** These decisions are not recorded: a denial is not told to anyone. */
export class UserViewing {
  constructor(
    private readonly queries: Pick<ChatQueries, 'findUser'>,
    private readonly policy: PolicyEnforcementPoint,
  ) {}

  /** Those of the users, asked for by their ids, whom the caller may see, in the same order. */
  visibleAmong(caller: Caller, users: readonly User[]): Promise<User[]> {
    return this.decide(caller, (actor) =>
      users.filter(({ userId, kind }) =>
        this.policy.permits(viewing(actor, { isActor: userId === caller.userId, kind, isFound: false })),
      ),
    );
  }

  /**
   * The kinds of users whom a search may find. Asked once for each kind, not for each user, so that users who may not
   * be seen cost the search nothing. In a search, the caller is a user like any other.
   */
  findableBy(caller: Caller): Promise<UserKind[]> {
    return this.decide(caller, (actor) =>
      userKind.options.filter((kind) => this.policy.permits(viewing(actor, { isActor: false, kind, isFound: true }))),
    );
  }

  private decide<T>(caller: Caller, decision: (actor: ActorAttributes) => T): Promise<T> {
    return withCallerAttributes(caller, 'user.view', this.policy.decisionPoint, this.queries, decision);
  }
}

function viewing(actor: ActorAttributes, user: NonNullable<PolicyAttributes['user']>): PolicyAttributes {
  return {
    action: 'user.view',
    actor,
    ...NO_ATTRIBUTES,
    user,
  };
}
