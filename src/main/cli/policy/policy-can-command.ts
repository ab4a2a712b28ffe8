import { CaslDecisionPoint } from '../../../adapters/policy/casl-decision-point.js';
import { PrismaChatQueries } from '../../../adapters/stores/prisma/queries/prisma-chat-queries.js';
import { canDo } from '../../../application/operations/policy-questions.js';
import { ACTIONS, isInChat } from '../../../application/policy/attributes/attribute-catalogue.js';
import type { Question } from '../../../application/policy/attributes/current-attributes.js';
import type { Action } from '../../../application/ports/policy-decision-point.js';
import { StartupError } from '../../../infrastructure/process/startup-error.js';
import { readPolicyFile } from '../../policy/policy-file.js';
import { requireSettings } from '../../settings.js';
import { withCommandDatabase } from '../command-database.js';
import { withGivenAttributes } from './given-attributes.js';

/** Not 1, the exit code of faults, so that a script can tell them apart. */
const EXIT_NO = 3;

export interface CanRequest {
  actor: string;
  do: string;
  chat?: string;
  tenant: string;
  policy?: string;
  attribute?: string[];
}

/** `parley policy can`: whether a user may do something with the current data, and why. */
export async function runPolicyCan(request: CanRequest): Promise<void> {
  const question = questionOf(request);
  const { document } = readPolicyFile(request.policy ?? requireSettings('database').policyFile);
  const point = new CaslDecisionPoint(document);
  await withCommandDatabase(async (database) => {
    const result = await canDo({
      ...{ queries: new PrismaChatQueries(database), point, document, question },
      withGiven: (stored) => withGivenAttributes(stored, request.attribute ?? []),
    });
    if (result.outcome === 'no-such-chat')
      throw new StartupError([`tenant ${question.tenantId} has no chat ${question.chatId}`]);
    const isPermitted = result.outcome === 'permitted';
    console.log(isPermitted ? 'yes' : 'no');
    for (const sentence of result.sentences) console.log(sentence);
    const { unknown } = result;
    if (unknown.length > 0) console.log(`Unknown attributes, which --attribute can set: ${unknown.join(', ')}.`);
    if (!isPermitted) process.exitCode = EXIT_NO;
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
