/** Explains a decision in sentences, from its record and the policy that decided. */
import { refusalCodes } from '../../../contract/messages/problems.js';
import type { KnownAttributes } from '../../ports/policy-decision-point.js';
import type { LoggedDecision } from '../../ports/store/decision-log.js';
import { ATTRIBUTES, isInChat } from '../attributes/attribute-catalogue.js';
import {
  type Discretion,
  describeCondition,
  describeValue,
  isShown,
  listed,
} from '../attributes/describe-attributes.js';
import type { PolicyDocument, PolicyRule } from '../policy-document.js';
import { attributeAt, evaluateConditions } from '../rule-holds.js';

/** The decision and what it was based on. */
export type Verdict = Pick<LoggedDecision, 'effect' | 'rule' | 'policyVersion'> & { attributes: KnownAttributes };

/**
 * The request (actor, action, place, time), then the reason for the decision. `policy` is null if its text is not
 * available any more.
 */
export function explainDecision(
  decision: LoggedDecision,
  policy: PolicyDocument | null,
  discretion: Discretion = 'for operators',
): string[] {
  return [describeRequest(decision), ...explainVerdict(decision, policy, discretion), ...whatCameOfIt(decision)];
}

/** Empty if the policy's decision was the final result. */
function whatCameOfIt({ refusedAs }: LoggedDecision): string[] {
  if (refusedAs === null) return [];
  const by =
    refusedAs === 'rate_limited' ? 'because of a quota' : 'because of the state of its chat, not by the policy';
  return [`The command was refused ${by}: ${refusedAs} (${refusalCodes[refusedAs].title}).`];
}

function describeRequest({ at, actorId, tenantId, action, commandId, chatId, attributes }: LoggedDecision): string {
  // The types describe current records. An older release may have recorded less.
  const { actor, chat, role }: KnownAttributes = attributes;
  const traits = [
    ...(actor?.kind === undefined ? [] : [`a ${actor.kind}`]),
    ...(role === undefined || !isInChat(action) ? [] : [role === null ? 'not in the chat' : `${role} in the chat`]),
  ];
  const who = traits.length === 0 ? actorId : `${actorId} (${traits.join(', ')})`;
  const kind = chat?.kind === undefined ? '' : ` (${chat.kind}${chat.archived === true ? ', archived' : ''})`;
  const where = chatId === null ? '' : ` in chat ${chatId}${kind}`;
  const how = commandId === null ? '' : ` with command ${commandId}`;
  return `On ${at.toISOString()} ${who} of tenant ${tenantId} asked for ${action}${where}${how}.`;
}

/** The reason: the rule that decided, or the rules that could have permitted it and what each of them lacks. */
export function explainVerdict(
  verdict: Verdict,
  policy: PolicyDocument | null,
  discretion: Discretion = 'for operators',
): string[] {
  if (policy === null) return explainFromRecord(verdict, discretion);
  const { effect, rule: id, policyVersion, attributes } = verdict;
  if (id === null)
    return [
      `Policy ${policyVersion} refuses this: no rule permits it.`,
      ...whatIsMissing(policy, attributes, discretion),
    ];
  const rule = policy.rules.find((candidate) => candidate.id === id);
  const reason = rule === undefined ? '' : ` (${rule.reason})`;
  const conditions = rule === undefined ? [] : evaluateConditions(rule, attributes);
  if (effect === 'permit')
    return [
      `Policy ${policyVersion} permits this by rule ${id}${reason}.`,
      ...asked(
        'It requires that',
        conditions.map((judged) => describeCondition(judged, 'be', discretion)),
      ),
    ];
  return [
    `Policy ${policyVersion} refuses this: rule ${id} forbids it${reason}.`,
    ...asked(
      'It forbids this if',
      conditions.map((judged) => describeCondition(judged, 'is', discretion)),
    ),
    ...(conditions.some(({ outcome }) => outcome === 'unknown')
      ? ['An unknown attribute never favours the actor.']
      : []),
  ];
}

function asked(beginning: string, conditions: readonly string[]): string[] {
  return conditions.length === 0 ? [] : [`${beginning} ${listed(conditions, 'and')}.`];
}

function whatIsMissing({ rules }: PolicyDocument, attributes: KnownAttributes, discretion: Discretion): string[] {
  const permits = rules.filter(({ effect, actions }) => effect === 'permit' && actions.includes(attributes.action));
  if (permits.length === 0) return [`It has no rule that permits ${attributes.action}.`];
  return permits.map((rule) => missingFor(rule, attributes, discretion));
}

function missingFor(rule: PolicyRule, attributes: KnownAttributes, discretion: Discretion): string {
  const missing = evaluateConditions(rule, attributes).filter(({ outcome }) => outcome !== 'yes');
  const conditions = missing.map((judged) => describeCondition(judged, 'were', discretion));
  // A policy that decided by these attributes always has a reason.
  const provided = conditions.length === 0 ? '' : ` if ${listed(conditions, 'and')}`;
  return `Rule ${rule.id} (${rule.reason}) would permit it${provided}.`;
}

function explainFromRecord({ effect, rule, policyVersion, attributes }: Verdict, discretion: Discretion): string[] {
  const verdict =
    effect === 'permit'
      ? 'permits this'
      : `refuses this: ${rule === null ? 'no rule permits it' : 'a rule forbids it'}`;
  const recorded = recordedAttributes(attributes)
    .filter(([name]) => isShown(name, discretion))
    .map(([name, value]) => `${name} is ${describeValue(name, value)}`);
  return [
    `Policy ${policyVersion} ${verdict}${rule === null ? '' : `; the rule is ${rule}`}.`,
    'The text of this policy is no longer available, so the conditions of its rules are unknown.',
    ...asked('Recorded attributes:', recorded),
  ];
}

function recordedAttributes(attributes: KnownAttributes) {
  const named = Object.entries(ATTRIBUTES).flatMap(([name, { on }]) => (on.includes(attributes.action) ? [name] : []));
  const claims = (['claims', 'token'] as const).flatMap((of) =>
    Object.keys(attributes.actor?.[of] ?? {}).map((claim) => `actor.${of}.${claim}`),
  );
  return [...named, ...claims]
    .map((name) => [name, attributeAt(attributes, name.split('.'))] as const)
    .filter(([, value]) => value !== undefined);
}
