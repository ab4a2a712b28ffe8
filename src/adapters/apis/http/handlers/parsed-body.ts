import type { z } from 'zod';
import { VIOLATIONS_MAX } from '../../../../contract/messages/decode-command.js';
import { violationText } from '../../../../contract/messages/violation-text.js';
import { type Answer, problemAnswer } from '../response.js';

/** The body of a request that is no command. Otherwise the worker validates it. */
export function parsedBody<S extends z.ZodType>(schema: S, body: unknown): { data: z.output<S> } | { refused: Answer } {
  const result = schema.safeParse(body, { error: violationText });
  if (result.success) return { data: result.data };
  const violations = result.error.issues
    .slice(0, VIOLATIONS_MAX)
    .flatMap((issue) =>
      issue.code === 'unrecognized_keys'
        ? issue.keys.map((key) => ({ path: [...issue.path.map(String), key].join('.'), message: 'is not a field' }))
        : [{ path: issue.path.map(String).join('.'), message: issue.message }],
    );
  return { refused: problemAnswer('invalid', { violations: violations.slice(0, VIOLATIONS_MAX) }) };
}
