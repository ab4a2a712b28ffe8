import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import express, { type Express } from 'express';
import swaggerUi from 'swagger-ui-express';
import { asyncApiDocument } from '../../../../contract/asyncapi/document.js';
import type { TopologySettings } from '../../../../contract/messages/topology.js';
import { methodNotAllowed } from '../middleware/method-not-allowed.js';
import { notFound, writeAnswer } from '../response.js';
import { cachedDocument } from './cached-document.js';
import { openApiDocument } from './openapi.js';
import { type PrepareTryOut, TRY_OUT_SCRIPT, tryOutHandler } from './try-out.js';

/** The package's files that the page at `/docs` needs. */
const PACKAGE_FILES: Record<string, string> = {
  'swagger-ui.css': 'text/css',
  'swagger-ui-bundle.js': 'text/javascript',
  'swagger-ui-standalone-preset.js': 'text/javascript',
  'favicon-16x16.png': 'image/png',
  'favicon-32x32.png': 'image/png',
};
/** How long browsers may cache these files. */
const PACKAGE_FILE_MAX_AGE_SECONDS = 3_600;

/** `validatorUrl: null`: the page sends the document to no external validator. */
const INIT_SCRIPT = `const show = (what) => {
window.ui = SwaggerUIBundle({
  ...what,
  dom_id: '#swagger-ui',
  deepLinking: true,
  presets: [SwaggerUIBundle.presets.apis, SwaggerUIStandalonePreset],
  plugins: [SwaggerUIBundle.plugins.DownloadUrl],
  layout: 'StandaloneLayout',
  validatorUrl: null,
  persistAuthorization: false,
});
};
`;
const PLAIN_SCRIPT = `show({ url: '/openapi.json' });
`;

/** Serves `/openapi.json`, `/asyncapi.json` and `/docs`, without authentication. `tryOut`: null except in `dev`. */
export function serveDocuments(app: Express, topology: TopologySettings, tryOut: PrepareTryOut | null): void {
  const json = { '/openapi.json': openApiDocument(), '/asyncapi.json': asyncApiDocument(topology) };
  for (const [path, document] of Object.entries(json))
    app
      .route(path)
      .get(cachedDocument({ contentType: 'json', maxAgeSeconds: 0, read: () => JSON.stringify(document) }))
      .all(methodNotAllowed(['GET']));

  const html = swaggerUi.generateHTML(undefined, { customSiteTitle: 'Parley: REST' });
  const page = express.Router();
  const serve = (path: string, contentType: string, maxAgeSeconds: number, read: () => string | Promise<Uint8Array>) =>
    page
      .route(path)
      .get(cachedDocument({ contentType, maxAgeSeconds, read }))
      .all(methodNotAllowed(['GET']));

  // The page uses relative paths of its files.
  page.get('/', (request, response, next) => {
    if (request.originalUrl.split('?')[0]?.endsWith('/')) next();
    else response.redirect(301, '/docs/');
  });
  serve('/', 'html', 0, () => html);
  serve(
    '/swagger-ui-init.js',
    'text/javascript',
    0,
    () => INIT_SCRIPT + (tryOut === null ? PLAIN_SCRIPT : TRY_OUT_SCRIPT),
  );
  if (tryOut !== null)
    page
      .route('/try-out')
      .post(tryOutHandler(tryOut))
      .all(methodNotAllowed(['POST']));
  const folder = swaggerUiFolder();
  for (const [name, contentType] of Object.entries(PACKAGE_FILES))
    serve(`/${name}`, contentType, PACKAGE_FILE_MAX_AGE_SECONDS, () => readFile(join(folder, name)));
  page.use((_request, response) => writeAnswer(response, notFound()));
  app.use('/docs', page);
}

/** The folder of the files, in a package that `swagger-ui-express` depends on. */
function swaggerUiFolder(): string {
  const ofExpress = createRequire(import.meta.url).resolve('swagger-ui-express');
  return dirname(createRequire(ofExpress).resolve('swagger-ui-dist/package.json'));
}
