import { PrismaDecisionLog } from '../../../adapters/stores/prisma/log/prisma-decision-log.js';
import { explainRecordedDecision } from '../../../application/operations/policy-questions.js';
import { PolicyCache } from '../../../application/policy/policy-cache.js';
import { StartupError } from '../../../infrastructure/process/startup-error.js';
import { documentOf } from '../../policy/policy-file.js';
import { requireSettings } from '../../settings.js';
import { withCommandDatabase } from '../command-database.js';

/** `parley policy explain`: prints why something was decided, one sentence a line. */
export async function runPolicyExplain(decisionId: string): Promise<void> {
  const { decisionSampleRate: sampleRate, decisionRetentionMs: retentionMs } = requireSettings('database');
  await withCommandDatabase(async (database) => {
    const log = new PrismaDecisionLog(database);
    const policies = new PolicyCache(log, documentOf);
    const result = await explainRecordedDecision(decisionId, log, policies, { sampleRate, retentionMs });
    if (result.outcome === 'unknown') throw new StartupError([result.reason]);
    for (const sentence of result.sentences) console.log(sentence);
  });
}
