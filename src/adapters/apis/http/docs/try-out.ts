/**
 * What `/docs` needs so that "Try it out" works as it stands: a token, and values that exist. Only `dev` has it. It is
 * given to the page itself
 * alone: to a request from this machine, under a name of this machine, that no page of another origin can make.
 */
import type { Request, RequestHandler } from 'express';
import { notFound, writeAnswer } from '../response.js';

export interface TryOut {
  /** Of a caller who may do what the page shows. */
  token: string;
  /** Path and query parameters of all operations, and of some by their names. */
  parameters: Readonly<Record<string, string>>;
  parametersOf: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** Makes something to try on. Called each time the page is loaded. */
export type PrepareTryOut = () => Promise<TryOut>;

export function tryOutHandler(prepare: PrepareTryOut): RequestHandler {
  return async (request, response) => {
    if (isFromOwnPage(request)) writeAnswer(response, { status: 200, body: await prepare() });
    else writeAnswer(response, notFound());
  };
}

const LOOPBACK_ADDRESS = /^(127\.|::1$|::ffff:127\.)/;
/** Another name may be made to mean this machine by anybody (DNS rebinding). */
const LOOPBACK_HOST = /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/;

/** A page of another origin cannot send JSON without being asked first (CORS), and is not permitted to. */
function isFromOwnPage(request: Request): boolean {
  const { host = '', origin = `http://${host}`, 'content-type': contentType } = request.headers;
  return (
    LOOPBACK_ADDRESS.test(request.socket.remoteAddress ?? '') &&
    LOOPBACK_HOST.test(host) &&
    origin === `http://${host}` &&
    contentType === 'application/json'
  );
}

/**
 * For `/docs` in `dev`: fills the values in before the page is shown. Without them it is the page that it is elsewhere.
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
