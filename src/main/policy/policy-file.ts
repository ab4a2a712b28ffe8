/** Reads a policy file: `POLICY_FILE`, or the default policy. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { PolicyFault } from '../../adapters/policy/policy-source.js';
import { readPolicy } from '../../adapters/policy/read-policy.js';
import type { PolicyDocument } from '../../application/policy/policy-document.js';
import { StartupError } from '../../infrastructure/process/startup-error.js';

export const DEFAULT_POLICY_FILE = fileURLToPath(new URL('../../../../policy/default.yaml', import.meta.url));

export interface PolicyFile {
  document: PolicyDocument;
  /** The text of the file. */
  source: string;
}

/** Reads the text of a policy in the store. Null: this release cannot read it. */
export function documentOf(source: string): PolicyDocument | null {
  const read = readPolicy(source);
  return read.ok ? read.document : null;
}

/** Throws a `StartupError` with a line for each fault: file, line, column, what is wrong. */
export function readPolicyFile(file: string = DEFAULT_POLICY_FILE): PolicyFile {
  let source: string;
  try {
    source = new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(file));
  } catch (error) {
    throw new StartupError([`the policy ${file} cannot be read: ${(error as Error).message}`]);
  }
  const read = readPolicy(source);
  if (!read.ok) throw new StartupError(faultLines(file, read.faults));
  return { document: read.document, source };
}

export function faultLines(file: string, faults: readonly PolicyFault[]): string[] {
  return faults.map(({ line, column, message }) => `${file}:${line}:${column}: ${message}`);
}
