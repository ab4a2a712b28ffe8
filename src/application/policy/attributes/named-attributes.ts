/** Attributes given by their names, as a rule names them: for trying a policy without anything happening. */
import { DEFAULT_USER_KIND } from '../../../domain/user.js';
import type { Action, PolicyAttributes } from '../../ports/policy-decision-point.js';

/** A attribute's value by its dotted name; null: it is known that there is none. */
export interface NamedAttributes {
  [name: string]: unknown;
}

/** Who asks where nothing is said of it. */
const SOMEBODY = { tenantId: 'default', userId: 'somebody', kind: DEFAULT_USER_KIND, claims: {}, token: null };

/** What is not given is unknown, and so never in the actor's favour; but for who asks, who is a person like any other. */
export function attributesByName(action: Action, given: NamedAttributes): PolicyAttributes {
  const attributes: { [group: string]: unknown } = {
    action,
    actor: { ...SOMEBODY, claims: {} },
    producer: null,
    chat: null,
    target: null,
    message: null,
    text: null,
    profile: null,
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
  // Partly filled on purpose: a decision point takes what is missing for unknown.
  return attributes as unknown as PolicyAttributes;
}
