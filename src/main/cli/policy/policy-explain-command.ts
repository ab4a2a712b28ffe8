import { PrismaDecisionLog } from '../../../adapters/stores/prisma/log/prisma-decision-log.js';
import { explainAbsence } from '../../../application/policy/decisions/explain-absence.js';
import { explainDecision } from '../../../application/policy/decisions/explain-decision.js';
import { PolicyCache } from '../../../application/policy/policy-cache.js';
import { StartupError } from '../../../infrastructure/process/startup-error.js';
import { documentOf } from '../../policy/policy-file.js';
import { requireSettings } from '../../settings.js';
import { withCommandDatabase } from '../command-database.js';

/** `parley policy explain`: prints why something was decided, a sentence a line. */
export async function runPolicyExplain(decisionId: string): Promise<void> {
  await withCommandDatabase(async (database) => {
    const log = new PrismaDecisionLog(database);
    const decision = await log.find(decisionId);
    if (decision === null) {
      const { decisionSampleRate: sampleRate, decisionRetentionMs: retentionMs } = requireSettings('database');
      throw new StartupError([explainAbsence(decisionId, { sampleRate, retentionMs }, Date.now())]);
    }
    const policy = await new PolicyCache(log, documentOf).find(decision.policyVersion);
    for (const sentence of explainDecision(decision, policy)) console.log(sentence);
  });
}
