import { CaslDecisionPoint } from '../adapters/casl/casl-decision-point.js';
import { PrismaChatQueries } from '../adapters/prisma/prisma-chat-queries.js';
import { explainVerdict } from '../application/policy/explain-decision.js';
import { ACTIONS, isInChat } from '../application/policy/fact-catalogue.js';
import type { Action, KnownFacts } from '../application/policy/facts.js';
import { factsNow, type Question } from '../application/policy/facts-now.js';
import type { PolicyDocument } from '../application/policy/policy-document.js';
import { judgeConditions } from '../application/policy/rule-holds.js';
import { StartFault } from '../infrastructure/start-fault.js';
import { withCommandDatabase } from './command-database.js';
import { withGivenFacts } from './given-facts.js';
import { readPolicyFile } from './policy-file.js';
import { requireSettings } from './settings.js';

/** Apart from 1, which is for faults: a script can tell them. */
const EXIT_NO = 3;

export interface CanRequest {
  actor: string;
  do: string;
  chat?: string;
  tenant: string;
  policy?: string;
  fact?: string[];
}

/** `parley policy can`: whether somebody may do something as things are in the database, and why. */
export async function runPolicyCan(request: CanRequest): Promise<void> {
  const question = questionOf(request);
  const { document } = readPolicyFile(request.policy ?? requireSettings('migrate').policyFile);
  const point = new CaslDecisionPoint(document);
  await withCommandDatabase(async (database) => {
    const stored = await factsNow(new PrismaChatQueries(database), point, question);
    if (stored === null) throw new StartFault([`tenant ${question.tenantId} has no chat ${question.chatId}`]);
    const facts = withGivenFacts(stored, request.fact ?? []);
    const { effect, rule } = point.decide(facts);
    const isPermitted = effect === 'permit';
    console.log(isPermitted ? 'yes' : 'no');
    const verdict = { effect, rule, policyVersion: document.version, facts };
    for (const sentence of explainVerdict(verdict, document)) console.log(sentence);
    if (isPermitted) return;
    const unknown = unknownFacts(document, facts);
    if (unknown.length > 0) console.log(`Not known, unless --fact says so: ${unknown.join(', ')}.`);
    process.exitCode = EXIT_NO;
  });
}

function questionOf({ actor: actorId, do: action, chat, tenant: tenantId }: CanRequest): Question {
  if (!isAction(action))
    throw new StartFault([`--do ${action}: there is no such action; there are ${ACTIONS.join(', ')}`]);
  const isAboutChat = isInChat(action);
  if (isAboutChat && chat === undefined) throw new StartFault([`${action} is about a chat: --chat must name it`]);
  if (!isAboutChat && chat !== undefined)
    throw new StartFault([`${action} is not about a chat that is there: leave out --chat`]);
  return { tenantId, actorId, action, chatId: chat ?? null };
}

function isAction(text: string): text is Action {
  return (ACTIONS as readonly string[]).includes(text);
}

function unknownFacts({ rules }: PolicyDocument, facts: KnownFacts): string[] {
  const judged = rules
    .filter(({ actions }) => actions.includes(facts.action))
    .flatMap((rule) => judgeConditions(rule, facts));
  return [...new Set(judged.filter(({ outcome }) => outcome === 'unknown').map(({ fact }) => fact))];
}
