/** Whether the policy permits administrative requests that are no commands. */

import type { Refusal } from '../../domain/refusal.js';
import { DEFAULT_USER_KIND } from '../../domain/user.js';
import type { Action, ActorAttributes, PolicyAttributes } from '../ports/policy-decision-point.js';
import type { Caller, ChatQueries } from '../ports/queries/chat-queries.js';
import type { DecisionLog } from '../ports/store/decision-log.js';
import { withCallerAttributes } from './attributes/caller-attributes.js';
import { NO_ATTRIBUTES } from './attributes/no-attributes.js';
import { RefusedQueries } from './decisions/refused-queries.js';
import type { PolicyEnforcementPoint } from './enforcement.js';

export type AdministrativeAction = Extract<Action, 'webhook.view' | 'webhook.operate' | 'key.manage'>;

export interface Denied {
  refusal: Refusal;
  decisionId: string | null;
}

export class AdministrationPolicy {
  private readonly refused: RefusedQueries;

  constructor(
    private readonly queries: Pick<ChatQueries, 'findUser'>,
    private readonly policy: PolicyEnforcementPoint,
    decisions: Pick<DecisionLog, 'record'>,
  ) {
    this.refused = new RefusedQueries(decisions);
  }

  /** `userId`: whose keys, for `key.manage`. Null if it is permitted. Every refusal is recorded. */
  async denial(caller: Caller, action: AdministrativeAction, userId: string | null = null): Promise<Denied | null> {
    const { tenantId } = caller;
    const subject = userId === null ? null : await this.queries.findUser({ tenantId, userId });
    const user =
      userId === null
        ? null
        : { isActor: userId === caller.userId, kind: subject?.kind ?? DEFAULT_USER_KIND, isFound: false };
    const decided = await withCallerAttributes(caller, action, this.policy.decisionPoint, this.queries, (actor) =>
      this.policy.enforce(attributesOf(action, actor, user), { at: new Date(), commandId: null, chatId: null }),
    );
    const decisionId = await this.refused.keep(decided);
    return decided.refusal === null ? null : { refusal: decided.refusal, decisionId };
  }
}

function attributesOf(
  action: AdministrativeAction,
  actor: ActorAttributes,
  user: PolicyAttributes['user'],
): PolicyAttributes {
  return {
    action,
    actor,
    ...NO_ATTRIBUTES,
    user,
  };
}
