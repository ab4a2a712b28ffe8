import express, { type Express } from 'express';
import swaggerUi from 'swagger-ui-express';
import { writeAnswer } from './answer.js';
import { asyncApiDocument } from './asyncapi.js';
import { methodNotAllowed } from './method-not-allowed.js';
import { openApiDocument } from './openapi.js';

/** The contract, for machines (`/openapi.json`, `/asyncapi.json`) and to read (`/docs`). Open to all. */
export function serveDocuments(app: Express, namespace: string): void {
  const openApi = openApiDocument();
  const asyncApi = asyncApiDocument(namespace);
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
  // The page names its files relative to itself.
  page.get('/', (request, response, next) => {
    if (request.originalUrl.split('?')[0]?.endsWith('/')) next();
    else response.redirect(301, '/docs/');
  });
  page.get('/', swaggerUi.setup(undefined, options));
  page.use(...swaggerUi.serveFiles(undefined, options));
  app.use('/docs', page);
}
