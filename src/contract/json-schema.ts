import { z } from 'zod';

/**
 * A schema as JSON Schema (draft 7, which AsyncAPI's own schema object extends), with everything in line. What JSON Schema cannot
 * say (a well-formed string, the size of metadata) is left to its description.
 */
export function jsonSchemaOf(schema: z.ZodType): Record<string, unknown> {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, {
    target: 'draft-7',
    io: 'input',
    unrepresentable: 'any',
    reused: 'inline',
  });
  return rest;
}
