import { CaslDecisionPoint } from '../../../adapters/policy/casl-decision-point.js';
import { PrismaChatQueries } from '../../../adapters/stores/prisma/queries/prisma-chat-queries.js';
import { ACTIONS, isInChat } from '../../../application/policy/attributes/attribute-catalogue.js';
import { attributesNow, type Question } from '../../../application/policy/attributes/current-attributes.js';
import { explainVerdict } from '../../../application/policy/decisions/explain-decision.js';
import type { PolicyDocument } from '../../../application/policy/policy-document.js';
import { evaluateConditions } from '../../../application/policy/rule-holds.js';
import type { Action, KnownAttributes } from '../../../application/ports/policy-decision-point.js';
import { StartupError } from '../../../infrastructure/process/startup-error.js';
import { readPolicyFile } from '../../policy/policy-file.js';
import { requireSettings } from '../../settings.js';
import { withCommandDatabase } from '../command-database.js';
import { withGivenAttributes } from './given-attributes.js';

/** Apart from 1, which is for faults: a script can tell them. */
const EXIT_NO = 3;

export interface CanRequest {
  actor: string;
  do: string;
  chat?: string;
  tenant: string;
  policy?: string;
  attribute?: string[];
}

/** `parley policy can`: whether somebody may do something as things are in the database, and why. */
export async function runPolicyCan(request: CanRequest): Promise<void> {
  const question = questionOf(request);
  const { document } = readPolicyFile(request.policy ?? requireSettings('database').policyFile);
  const point = new CaslDecisionPoint(document);
  await withCommandDatabase(async (database) => {
    const stored = await attributesNow(new PrismaChatQueries(database), point, question);
    if (stored === null) throw new StartupError([`tenant ${question.tenantId} has no chat ${question.chatId}`]);
    const attributes = withGivenAttributes(stored, request.attribute ?? []);
    const { effect, rule } = point.decide(attributes);
    const isPermitted = effect === 'permit';
    console.log(isPermitted ? 'yes' : 'no');
    const verdict = { effect, rule, policyVersion: document.version, attributes };
    for (const sentence of explainVerdict(verdict, document)) console.log(sentence);
    if (isPermitted) return;
    const unknown = unknownAttributes(document, attributes);
    if (unknown.length > 0) console.log(`Unknown attributes, which --attribute can set: ${unknown.join(', ')}.`);
    process.exitCode = EXIT_NO;
  });
}

function questionOf({ actor: actorId, do: action, chat, tenant: tenantId }: CanRequest): Question {
  if (!isAction(action))
    throw new StartupError([`--do ${action}: unknown action; the actions are ${ACTIONS.join(', ')}`]);
  const isAboutChat = isInChat(action);
  if (isAboutChat && chat === undefined) throw new StartupError([`${action} is about a chat: --chat must name it`]);
  if (!isAboutChat && chat !== undefined)
    throw new StartupError([`${action} is not about an existing chat: omit --chat`]);
  return { tenantId, actorId, action, chatId: chat ?? null };
}

function isAction(text: string): text is Action {
  return (ACTIONS as readonly string[]).includes(text);
}

function unknownAttributes({ rules }: PolicyDocument, attributes: KnownAttributes): string[] {
  const judged = rules
    .filter(({ actions }) => actions.includes(attributes.action))
    .flatMap((rule) => evaluateConditions(rule, attributes));
  return [...new Set(judged.filter(({ outcome }) => outcome === 'unknown').map(({ attribute }) => attribute))];
}
