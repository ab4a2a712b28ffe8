/**
 * The chat page at `/chat`: static files of the build, and what the page must know of this server. The page itself
 * uses REST and the realtime gateway as any client does.
 */
import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { extname, join, sep } from 'node:path';
import express, { type Express, type RequestHandler, type Response } from 'express';
import { cachedDocument } from '../docs/cached-document.js';
import { methodNotAllowed } from '../middleware/method-not-allowed.js';
import { isFromOwnPage } from '../middleware/own-page.js';
import { notFound, writeAnswer } from '../response.js';

/** How users of the page sign in at an identity provider: OpenID Connect, authorization code with PKCE. */
export interface ChatPageOidc {
  issuer: string;
  clientId: string;
  /** Further parameters of the authorization request, such as `scope` and `audience`. */
  parameters: Readonly<Record<string, string>>;
}

/** Users that can be chosen without a sign-in. Only in `dev`. */
export interface DemoUsers {
  userIds: readonly string[];
  /** A token of one of them. */
  signIn(userId: string): Promise<string>;
}

export interface ChatPage {
  /** The folder of the built files. */
  folder: string;
  oidc: ChatPageOidc | null;
  demo: DemoUsers | null;
}

const PATH = '/chat';
const INDEX = 'index.html';
/** The build puts a hash of the content into the names of the files in this folder. */
const HASHED_FILES = `assets${sep}`;
const YEAR_SECONDS = 365 * 24 * 3_600;
const CONTENT_TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
};
const DEMO_BODY_MAX_BYTES = 1024;

/** Serves the page and its files, without authentication. */
export function serveChatPage(app: Express, { folder, oidc, demo }: ChatPage): void {
  const page = express.Router({ caseSensitive: true });
  page.use(pageHeaders(oidc));
  // The page uses relative paths of its files, and of the API.
  page.get('/', (request, response, next) => {
    if (request.originalUrl.split('?')[0]?.endsWith('/')) next();
    else response.redirect(301, `.${PATH}/`);
  });
  for (const name of filesIn(folder)) {
    const isHashed = name.startsWith(HASHED_FILES);
    const document = cachedDocument({
      contentType: CONTENT_TYPES[extname(name)] ?? 'application/octet-stream',
      maxAgeSeconds: isHashed ? YEAR_SECONDS : 0,
      isImmutable: isHashed,
      read: () => readFile(join(folder, name)),
    });
    page
      .route(name === INDEX ? '/' : `/${name.replaceAll(sep, '/')}`)
      .get(document)
      .all(methodNotAllowed(['GET']));
  }
  page
    .route('/settings')
    .get((_request, response) => writeAnswer(response, { status: 200, body: { oidc, demoUsers: demo?.userIds ?? [] } }))
    .all(methodNotAllowed(['GET']));
  if (demo !== null)
    page
      .route('/demo-token')
      .post(express.json({ limit: DEMO_BODY_MAX_BYTES }), demoTokenHandler(demo))
      .all(methodNotAllowed(['POST']));
  page.use((_request, response) => writeAnswer(response, notFound()));
  app.use(PATH, page);
}

/** Scripts, styles and requests of this server only. Nothing that a message contains can load or run anything. */
function pageHeaders(oidc: ChatPageOidc | null): RequestHandler {
  const connect = ["'self'", ...(oidc === null ? [] : [new URL(oidc.issuer).origin])];
  const policy = [
    ...["default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self'"],
    ...[`connect-src ${connect.join(' ')}`, "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"],
    ...["require-trusted-types-for 'script'", "trusted-types 'none'"],
  ].join('; ');
  return (_request, response: Response, next) => {
    response.set({
      'Content-Security-Policy': policy,
      'Permissions-Policy': 'camera=(), geolocation=(), microphone=(), payment=(), usb=()',
    });
    next();
  };
}

function demoTokenHandler({ userIds, signIn }: DemoUsers): RequestHandler {
  return async (request, response) => {
    const { userId } = (request.body ?? {}) as { userId?: unknown };
    const user = userIds.find((name) => name === userId);
    if (user === undefined || !isFromOwnPage(request)) writeAnswer(response, notFound());
    else writeAnswer(response, { status: 200, body: { token: await signIn(user) } });
  };
}

function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => extname(name) !== '');
}
