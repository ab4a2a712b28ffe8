/** An oracle of what may be accepted: the published JSON schemas, with another validator than the application's. */
import { Ajv } from 'ajv';
import formats from 'ajv-formats';
import { jsonSchemaOf } from '../../../../src/contract/asyncapi/json-schema.js';
import { commandBody, commandTypes, isCommandType } from '../../../../src/contract/messages/commands.js';

const ajv = new Ajv({ strict: false });
// The package is CommonJS; its types expect one more level.
(formats as unknown as (ajv: Ajv) => void)(ajv);

const checks = new Map(commandTypes.map((type) => [type, ajv.compile(jsonSchemaOf(commandBody[type]))]));

/** Why the published schema refuses a command. Null if it accepts it. */
export function refusedBySchema(type: unknown, body: Uint8Array): string | null {
  if (typeof type !== 'string' || !isCommandType(type)) return `unknown command type ${String(type)}`;
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body));
  } catch (error) {
    return (error as Error).message;
  }
  const check = checks.get(type);
  return check === undefined || check(parsed) ? null : ajv.errorsText(check.errors);
}
