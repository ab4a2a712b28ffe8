/**
 * Holds real answers against the OpenAPI document: the status must be documented, and the body must fit with nothing
 * beside it.
 */
import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { openApiDocument } from '../../../../src/adapters/apis/http/docs/openapi.js';

type Json = { [key: string]: unknown };

const document = openApiDocument() as unknown as Json & { paths: Record<string, Json> };
const ajv = new Ajv2020({ strict: false, allErrors: true });
// The package is CommonJS; its types put the function one level deeper than it is.
(formats as unknown as (ajv: Ajv2020) => void)(ajv);
ajv.addSchema(closed(document) as Json, 'openapi');

/** A copy in which objects hold no more than the properties they name: a field that slips out is a fault. */
function closed(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(closed);
  if (typeof node !== 'object' || node === null) return node;
  const copy = Object.fromEntries(Object.entries(node).map(([key, value]) => [key, closed(value)]));
  return 'properties' in copy && !('additionalProperties' in copy) ? { ...copy, additionalProperties: false } : copy;
}

const checks = new Map<string, ReturnType<Ajv2020['compile']>>();

function validate(pointer: string, body: unknown): void {
  const check = checks.get(pointer) ?? ajv.compile({ $ref: `openapi#${pointer}` });
  checks.set(pointer, check);
  if (!check(body))
    throw new Error(`does not fit ${pointer}: ${ajv.errorsText(check.errors)}\n${JSON.stringify(body)}`);
}

const escaped = (part: string) => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1'));

/**
 * @throws Error if an answer is not as documented; problems outside the documented operations must be problem documents
 * all the same.
 */
export function assertDocumented(
  method: string,
  url: string,
  status: number,
  contentType: string,
  body: unknown,
): void {
  const path = url.split('?')[0] ?? '';
  const template = Object.keys(document.paths).find((candidate) =>
    new RegExp(`^${candidate.replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(path),
  );
  const operation = template === undefined ? undefined : (document.paths[template]?.[method.toLowerCase()] as Json);
  if (template === undefined || operation === undefined) {
    if (status >= 400 && !path.endsWith('/readyz')) validate('/components/schemas/Problem', body);
    return;
  }
  const answer = (operation.responses as Record<string, { content: Json }>)[status];
  if (answer === undefined) throw new Error(`${method} ${template} answered ${status}, which is not documented`);
  const type = contentType.split(';')[0] ?? '';
  if (!(type in answer.content)) throw new Error(`${method} ${template} answered ${status} as ${type}`);
  validate(
    ['', 'paths', template, method.toLowerCase(), 'responses', String(status), 'content', type, 'schema']
      .map(escaped)
      .join('/'),
    body,
  );
}
