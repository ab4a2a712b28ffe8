import type { z } from 'zod';
import type { Path, PolicyFault } from './policy-source.js';

/** Converts schema issues to policy faults with their places. */
export function faultsOf(error: z.ZodError, faultAt: (path: Path, message: string) => PolicyFault): PolicyFault[] {
  const at = (path: Path) => (path.length === 0 ? '' : `${path.map(String).join('.')}: `);
  return error.issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys'
      ? issue.keys.map((key) => faultAt([...issue.path, key], `${at(issue.path)}unknown field "${key}"`))
      : [faultAt(issue.path, `${at(issue.path)}${issue.message}`)],
  );
}
