/** Attributes given by name, as in a rule, to try out a policy without any effect. */
import { DEFAULT_USER_KIND } from '../../../domain/user.js';
import type { Action, PolicyAttributes } from '../../ports/policy-decision-point.js';

/** An attribute's value by its dotted name. Null: it is known to be absent. */
export interface NamedAttributes {
  [name: string]: unknown;
}

/** The default actor. */
const DEFAULT_ACTOR = { tenantId: 'default', userId: 'somebody', kind: DEFAULT_USER_KIND, claims: {}, token: null };

/**
 * Attributes that are not given are unknown, and so never in the actor's favour. The exception is the actor, who is an
 * ordinary user by default.
 */
export function attributesByName(action: Action, given: NamedAttributes): PolicyAttributes {
  const attributes: { [group: string]: unknown } = {
    action,
    actor: { ...DEFAULT_ACTOR, claims: {} },
    producer: null,
    chat: null,
    target: null,
    message: null,
    text: null,
    profile: null,
    user: null,
    decision: null,
  };
  for (const [name, value] of Object.entries(given)) {
    const steps = name.split('.');
    const last = steps.pop() as string;
    let group = attributes;
    for (const step of steps) {
      const inner = { ...(group[step] as { [attribute: string]: unknown } | null) };
      group[step] = inner;
      group = inner;
    }
    group[last] = value;
  }
  // Incomplete on purpose: a decision point treats missing attributes as unknown.
  return attributes as unknown as PolicyAttributes;
}
