import { z } from 'zod';

/** Moves the description of a nullable value to the field, where readers look for it. */
function liftDescription(schema: z.core.JSONSchema.BaseSchema): void {
  const [inner, other] = schema.anyOf ?? [];
  if (schema.description !== undefined || inner?.description === undefined || other?.type !== 'null') return;
  schema.description = inner.description;
}

/**
 * A schema as inline JSON Schema (draft 7, which AsyncAPI's schema object extends). What JSON Schema cannot express (a
 * well-formed string, the size of metadata) is in the description.
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
