/** Replays recorded decisions with another policy, from the recorded attributes. */

import { isCommandType } from '../../../contract/messages/commands.js';
import type { Decision, KnownAttributes } from '../../ports/policy-decision-point.js';
import { type DecisionLog, type LoggedDecision, smallestIdAt } from '../../ports/store/decision-log.js';
import { claimsAskedFor, isAskedFor } from '../attributes/asked-attributes.js';
import type { PolicyCache } from '../policy-cache.js';
import type { PolicyDocument } from '../policy-document.js';

export const REPLAY_PAGE = 1_000;
const EXAMPLES_MAX = 3;

/**
 * Decisions that the draft changes in the same way: the rule that decided, and the one that would. Null means that no
 * rule permits.
 */
export interface Flip {
  from: Decision['effect'];
  recordedRule: string | null;
  draftRule: string | null;
  count: number;
  /** Ids of decisions, the earliest first. */
  examples: string[];
}

export interface Replay {
  permits: number;
  denies: number;
  /** The most frequent first. */
  flips: Flip[];
}

export interface Draft {
  document: PolicyDocument;
  decide(attributes: KnownAttributes): Decision;
}

export interface ReplayRange {
  since: Date;
  /** Later decisions are ignored. */
  until: Date;
  /** Maximum number of decisions, from the earliest. Null means all of them. */
  limit: number | null;
}

/** `onPage` gets the number of decisions so far and the time of the last one. Rejects with a `StoreError`. */
export async function replayDecisions(
  log: Pick<DecisionLog, 'page'>,
  policies: PolicyCache,
  draft: Draft,
  { since, until, limit }: ReplayRange,
  onPage: (looked: number, reached: Date) => void = () => undefined,
): Promise<Replay> {
  const end = smallestIdAt(until);
  const flips = new Map<string, Flip>();
  const counts = { permit: 0, deny: 0 };
  let left = limit ?? Number.POSITIVE_INFINITY;
  let after: string | null = null;
  while (left > 0) {
    const asked = Math.min(REPLAY_PAGE, left);
    const page: LoggedDecision[] = await log.page(since, after, asked);
    const decisions = page.filter(({ decisionId }) => decisionId < end);
    for (const decision of decisions) {
      counts[decision.effect] += 1;
      const attributes = whatWasKnown(decision, await policies.find(decision.policyVersion), draft.document);
      noteFlip(flips, decision, draft.decide(attributes));
    }
    const last = decisions.at(-1);
    if (last === undefined) break;
    onPage(counts.permit + counts.deny, last.at);
    if (decisions.length < asked) break;
    after = last.decisionId;
    left -= decisions.length;
  }
  return {
    permits: counts.permit,
    denies: counts.deny,
    flips: [...flips.values()].sort((a, b) => b.count - a.count),
  };
}

function noteFlip(flips: Map<string, Flip>, recorded: LoggedDecision, now: Decision): void {
  const { effect: from, rule: recordedRule, decisionId } = recorded;
  if (now.effect === from) return;
  const key = JSON.stringify([from, recordedRule, now.rule]);
  const flip = flips.get(key) ?? { from, recordedRule, draftRule: now.rule, count: 0, examples: [] };
  flip.count += 1;
  if (flip.examples.length < EXAMPLES_MAX) flip.examples.push(decisionId);
  flips.set(key, flip);
}

/**
 * The attributes as far as they were gathered. A record has only those claims that its policy used. If the draft uses
 * another claim, that one is unknown. A query does not read a profile that no rule uses; the kind of user was then only
 * assumed.
 */
function whatWasKnown(
  { action, attributes }: LoggedDecision,
  then: PolicyDocument | null,
  draft: PolicyDocument,
): KnownAttributes {
  const recorded: KnownAttributes = attributes;
  const { actor } = recorded;
  if (actor === undefined || actor === null) return recorded;
  const known = (of: 'claims' | 'token') => {
    const lookedAt = then === null ? [] : claimsAskedFor(then.rules, of);
    const notLookedAt = claimsAskedFor(draft.rules, of).filter((name) => !lookedAt.includes(name));
    return { ...Object.fromEntries(notLookedAt.map((name) => [name, undefined])), ...actor[of] };
  };
  const isQuery = !isCommandType(action);
  const wasProfileRead =
    !isQuery ||
    (then !== null && ['actor.kind', 'actor.claims'].some((attribute) => isAskedFor(then.rules, action, attribute)));
  return {
    ...recorded,
    actor: {
      ...actor,
      ...(wasProfileRead && actor.claims !== undefined ? { claims: known('claims') } : { claims: undefined }),
      ...(wasProfileRead ? {} : { kind: undefined }),
      token: actor.token === null || actor.token === undefined ? actor.token : known('token'),
    },
  };
}
