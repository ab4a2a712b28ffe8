import { z } from 'zod';

/** What is said of a value that may be null is said of the field, where readers look for it. */
function liftDescription(schema: z.core.JSONSchema.BaseSchema): void {
  const [inner, other] = schema.anyOf ?? [];
  if (schema.description !== undefined || inner?.description === undefined || other?.type !== 'null') return;
  schema.description = inner.description;
}

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
    override: ({ jsonSchema }) => liftDescription(jsonSchema),
  });
  return rest;
}
