import { PrismaDecisionLog } from '../adapters/prisma/prisma-decision-log.js';
import { explainAbsence } from '../application/policy/explain-absence.js';
import { explainDecision } from '../application/policy/explain-decision.js';
import { KeptPolicies } from '../application/policy/kept-policies.js';
import { StartFault } from '../infrastructure/start-fault.js';
import { withCommandDatabase } from './command-database.js';
import { documentOf } from './policy-file.js';
import { requireSettings } from './settings.js';

/** `parley policy explain`: prints why something was decided, a sentence a line. */
export async function runPolicyExplain(decisionId: string): Promise<void> {
  await withCommandDatabase(async (database) => {
    const log = new PrismaDecisionLog(database);
    const decision = await log.find(decisionId);
    if (decision === null) {
      const { decisionPermitShare: permitShare, decisionRetentionMs: retentionMs } = requireSettings('migrate');
      throw new StartFault([explainAbsence(decisionId, { permitShare, retentionMs }, Date.now())]);
    }
    const policy = await new KeptPolicies(log, documentOf).find(decision.policyVersion);
    for (const sentence of explainDecision(decision, policy)) console.log(sentence);
  });
}
