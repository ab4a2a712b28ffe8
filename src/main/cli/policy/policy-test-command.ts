import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { CaslDecisionPoint } from '../../../adapters/policy/casl-decision-point.js';
import { type DecisionTable, readCases } from '../../../adapters/policy/read-cases.js';
import { isClean, tryCases } from '../../../application/policy/policy-case.js';
import { withProducers } from '../../../application/policy/policy-document.js';
import { StartupError } from '../../../infrastructure/process/startup-error.js';
import { faultLines, readPolicyFile } from '../../policy/policy-file.js';
import { readSettings } from '../../settings.js';

const CASES_FILE = /\.ya?ml$/;

/**
 * Exits 1 if a case goes otherwise than it should, or a rule is not held up by any. Throws a `StartupError` for what
 * cannot be read.
 */
export function runPolicyTest(path: string, options: { policy?: string }): void {
  const { document: own } = readPolicyFile(options.policy ?? readSettings([]).settings.policyFile);
  const tables = filesOf(path).map(casesOf);
  const document = tables.reduce((listed, { producers }) => withProducers(listed, producers), own);
  const report = tryCases(
    document,
    new CaslDecisionPoint(document),
    tables.flatMap(({ cases }) => cases),
  );
  for (const { name, message } of report.failed) console.log(`failed: ${name}: ${message}`);
  for (const id of report.unreached) console.log(`no case reaches the rule ${id}`);
  for (const id of report.oneSided) console.log(`no case has the opposite result of the rule ${id}`);
  console.log(`${document.version}: ${report.passed} passed, ${report.failed.length} failed`);
  if (!isClean(report)) process.exitCode = 1;
}

/** A file, or those in a folder. */
function filesOf(path: string): string[] {
  try {
    if (!statSync(path).isDirectory()) return [path];
    const files = readdirSync(path).filter((name) => CASES_FILE.test(name));
    if (files.length === 0) throw new Error('the folder contains no .yaml file');
    return files.sort().map((name) => join(path, name));
  } catch (error) {
    throw new StartupError([`the cases ${path} cannot be read: ${(error as Error).message}`]);
  }
}

export function casesOf(file: string): DecisionTable {
  const read = readCases(readFileSync(file, 'utf8'));
  if (!read.ok) throw new StartupError(faultLines(file, read.faults));
  return read;
}
