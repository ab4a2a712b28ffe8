import express, { type Express } from 'express';
import swaggerUi from 'swagger-ui-express';
import { asyncApiDocument } from '../../contract/asyncapi.js';
import type { TopologySettings } from '../../contract/topology.js';
import { notFound, writeAnswer } from './answer.js';
import { methodNotAllowed } from './method-not-allowed.js';
import { openApiDocument } from './openapi.js';

/** What the page at `/docs` is made of. The package behind it has more, such as a page about an interface that is not ours. */
const PAGE_FILES = [
  '/',
  '/swagger-ui.css',
  '/swagger-ui-bundle.js',
  '/swagger-ui-standalone-preset.js',
  '/swagger-ui-init.js',
  '/favicon-16x16.png',
  '/favicon-32x32.png',
];

/** The contract, for machines (`/openapi.json`, `/asyncapi.json`) and to read (`/docs`). Open to all. */
export function serveDocuments(app: Express, topology: TopologySettings): void {
  const openApi = openApiDocument();
  const asyncApi = asyncApiDocument(topology);
  for (const [path, body] of Object.entries({ '/openapi.json': openApi, '/asyncapi.json': asyncApi }))
    app
      .route(path)
      .get((_request, response) => writeAnswer(response, { status: 200, body }))
      .all(methodNotAllowed(['GET']));

  const options = {
    customSiteTitle: 'Parley: REST',
    // `validatorUrl: null`: nothing is sent to anybody's validator.
    swaggerOptions: { url: '/openapi.json', validatorUrl: null, persistAuthorization: false },
  };
  const page = express.Router();
  page.use((request, response, next) => {
    if (!PAGE_FILES.includes(request.path)) writeAnswer(response, notFound());
    else if (request.method === 'GET' || request.method === 'HEAD') next();
    else methodNotAllowed(['GET'])(request, response, next);
  });
  // The page names its files relative to itself.
  page.get('/', (request, response, next) => {
    if (request.originalUrl.split('?')[0]?.endsWith('/')) next();
    else response.redirect(301, '/docs/');
  });
  page.get('/', swaggerUi.setup(undefined, options));
  page.use(...swaggerUi.serveFiles(undefined, options));
  app.use('/docs', page);
}
