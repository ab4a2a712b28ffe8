import { DEFAULT_USER_KIND } from '../../../domain/user.js';
import type { Action, ActorAttributes, PolicyDecisionPoint } from '../../ports/policy-decision-point.js';
import type { Caller, ChatQueries } from '../../ports/queries/chat-queries.js';
import { chosenClaims } from './gather.js';

/**
 * Makes a decision about a query in the same turn in which the gathered attributes are certain to match the policy. The
 * policy can be replaced while they are gathered. The profile is read only if rules about the action use it.
 */
export async function withCallerAttributes<T>(
  { tenantId, userId, token }: Caller,
  action: Action,
  policy: PolicyDecisionPoint,
  queries: Pick<ChatQueries, 'findUser'>,
  decide: (actor: ActorAttributes) => T,
): Promise<T> {
  for (;;) {
    const { version, claims, tokenClaims } = policy;
    const asksForProfile = ['actor.kind', 'actor.claims'].some((attribute) => policy.asksFor(action, attribute));
    const user = asksForProfile ? await queries.findUser({ tenantId, userId }) : null;
    if (policy.version !== version) continue;
    return decide({
      tenantId,
      userId,
      kind: user?.kind ?? DEFAULT_USER_KIND,
      claims: chosenClaims(user?.claims, claims),
      token: token === undefined ? null : chosenClaims(token, tokenClaims),
    });
  }
}
