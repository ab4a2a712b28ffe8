/** Operator functions that ask the policy: whether a user may do something, and why something was decided. */
import { attributesNow, type Question } from '../policy/attributes/current-attributes.js';
import { explainAbsence } from '../policy/decisions/explain-absence.js';
import { explainDecision, explainVerdict } from '../policy/decisions/explain-decision.js';
import type { PolicyCache } from '../policy/policy-cache.js';
import type { PolicyDocument } from '../policy/policy-document.js';
import { evaluateConditions } from '../policy/rule-holds.js';
import type { Decision, KnownAttributes, PolicyDecisionPoint } from '../ports/policy-decision-point.js';
import type { ChatQueries } from '../ports/queries/chat-queries.js';
import type { DecisionLog } from '../ports/store/decision-log.js';

export type CanOutcome =
  | { outcome: 'no-such-chat' }
  | {
      outcome: 'permitted' | 'refused';
      /** The explanation, one sentence each. */
      sentences: string[];
      /** Attributes that a rule asked for and that are not known. */
      unknown: string[];
    };

export interface CanRequest {
  queries: Pick<ChatQueries, 'findChat' | 'findUser' | 'listMembers'>;
  point: Pick<PolicyDecisionPoint, 'claims' | 'tokenClaims'> & {
    /** Decides with attributes of which some are unknown. */
    decide(attributes: KnownAttributes): Decision;
  };
  document: PolicyDocument;
  question: Question;
  /** Adds or replaces attributes of the stored ones. */
  withGiven(stored: KnownAttributes): KnownAttributes;
}

/** Whether a user may do something with the current data, and why. Rejects with a `StoreError`. */
export async function canDo({ queries, point, document, question, withGiven }: CanRequest): Promise<CanOutcome> {
  const stored = await attributesNow(queries, point, question);
  if (stored === null) return { outcome: 'no-such-chat' };
  const attributes = withGiven(stored);
  const { effect, rule } = point.decide(attributes);
  const sentences = explainVerdict({ effect, rule, policyVersion: document.version, attributes }, document);
  if (effect === 'permit') return { outcome: 'permitted', sentences, unknown: [] };
  return { outcome: 'refused', sentences, unknown: unknownAttributes(document, attributes) };
}

function unknownAttributes({ rules }: PolicyDocument, attributes: KnownAttributes): string[] {
  const evaluated = rules
    .filter(({ actions }) => actions.includes(attributes.action))
    .flatMap((rule) => evaluateConditions(rule, attributes));
  return [...new Set(evaluated.filter(({ outcome }) => outcome === 'unknown').map(({ attribute }) => attribute))];
}

export type ExplainOutcome =
  /** The decision is not recorded; `reason` says why it may be missing. */
  { outcome: 'unknown'; reason: string } | { outcome: 'explained'; sentences: string[] };

/** Why something was decided. Rejects with a `StoreError`. */
export async function explainRecordedDecision(
  decisionId: string,
  decisions: Pick<DecisionLog, 'find'>,
  policies: PolicyCache,
  recording: { sampleRate: number; retentionMs: number },
): Promise<ExplainOutcome> {
  const decision = await decisions.find(decisionId);
  if (decision === null) return { outcome: 'unknown', reason: explainAbsence(decisionId, recording, Date.now()) };
  const policy = await policies.find(decision.policyVersion);
  return { outcome: 'explained', sentences: explainDecision(decision, policy) };
}
