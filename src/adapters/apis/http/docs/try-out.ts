/**
 * A token and existing ids, so that "Try it out" of `/docs` works without input. Only in `dev`. Only the page itself
 * gets them: the request must come from this machine, to a loopback host name, in a form that pages of other origins
 * cannot send.
 */
import type { RequestHandler } from 'express';
import { isFromOwnPage } from '../middleware/own-page.js';
import { notFound, writeAnswer } from '../response.js';

export interface TryOut {
  /** The token of a caller who may use the filled-in operations. */
  token: string;
  /** Values of path and query parameters, by name. */
  parameters: Readonly<Record<string, string>>;
  parametersOf: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** Creates the objects for the examples. Called each time the page is loaded. */
export type PrepareTryOut = () => Promise<TryOut>;

export function tryOutHandler(prepare: PrepareTryOut): RequestHandler {
  return async (request, response) => {
    if (isFromOwnPage(request)) writeAnswer(response, { status: 200, body: await prepare() });
    else writeAnswer(response, notFound());
  };
}

/**
 * For `/docs` in `dev`: fills in the values before the page is shown. If that fails, the page is shown without them.
 */
export const TRY_OUT_SCRIPT = `async function prepared() {
  const ask = { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{}' };
  const [answer, document] = await Promise.all([fetch('./try-out', ask), fetch('/openapi.json')]);
  if (!answer.ok || !document.ok) return { url: '/openapi.json' };
  const { token, parameters, parametersOf } = await answer.json();
  const spec = await document.json();
  for (const operations of Object.values(spec.paths))
    for (const operation of Object.values(operations))
      for (const parameter of operation.parameters ?? []) {
        const own = parametersOf[operation.operationId] ?? {};
        const value = own[parameter.name] ?? (parameter.in === 'path' ? parameters[parameter.name] : undefined);
        delete parameter.example;
        delete parameter.schema.example;
        if (value !== undefined) parameter.example = value;
      }
  return { spec, onComplete: () => window.ui.preauthorizeApiKey('bearer', token) };
}
prepared().then(show, () => show({ url: '/openapi.json' }));
`;
