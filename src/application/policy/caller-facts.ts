import { DEFAULT_USER_KIND } from '../../domain/user.js';
import type { Caller, ChatQueries } from '../ports/chat-queries.js';
import type { Action, ActorFacts, PolicyDecisionPoint } from './facts.js';
import { chosenClaims } from './gather.js';

/**
 * A decision about a query, in the turn in which the facts about its caller are certain to be those that the policy asks for: it can be replaced
 * while they are gathered. The profile is read only where rules about the action ask for what is in it.
 */
export async function withCallerFacts<T>(
  { tenantId, userId, token }: Caller,
  action: Action,
  policy: PolicyDecisionPoint,
  queries: Pick<ChatQueries, 'findUser'>,
  decide: (actor: ActorFacts) => T,
): Promise<T> {
  for (;;) {
    const { version, claims, tokenClaims } = policy;
    const asksForProfile = ['actor.kind', 'actor.claims'].some((fact) => policy.asksFor(action, fact));
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
