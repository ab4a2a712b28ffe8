/**
 * The one command line, `parley`. What stands on a database or a broker is loaded only by the commands that need it.
 */
import { readFileSync } from 'node:fs';
import { Command, Option } from 'commander';
import { directChatId } from '../../contract/messages/direct-chat-id.js';
import { DEFAULT_TENANT } from '../../contract/messages/identifiers.js';
import { hideCredentials } from '../../infrastructure/logging/hide-credentials.js';
import { StartupError } from '../../infrastructure/process/startup-error.js';
import { needsText } from '../roles/needs.js';
import { roles } from '../roles/registry.js';
import { checkConfig } from './check-config.js';
import { chatId, seconds, tenantId, userId } from './command-arguments.js';
import type { ContractRequest } from './contract-command.js';
import { addOperatorCommands } from './operator-cli.js';
import { addPolicyCommands } from './policy/policy-cli.js';
import { addRelayCommands } from './relay/relay-cli.js';
import type { ExportRequest } from './store/export-command.js';
import { runToken } from './token-command.js';
import type { TopologyRequest } from './topology/topology-command.js';
import { addWebhookCommands } from './webhooks/webhooks-cli.js';

const TOKEN_TTL_SECONDS = 3_600;
const MANIFEST = new URL('../../../../package.json', import.meta.url);

/** The variables that a command cannot do without, for its help. */
const NEEDED_VARIABLES: Record<string, string> = {
  dev: 'none: dev starts or generates what is not set',
  ...Object.fromEntries(roles.map(({ name, needs }) => [name, needsText(needs)])),
  'relay status': 'DATABASE_URL',
  'relay parked': 'DATABASE_URL',
  'relay retry': 'DATABASE_URL',
  'relay rebuild': 'DATABASE_URL',
  'webhooks list': 'DATABASE_URL',
  'webhooks show': 'DATABASE_URL',
  'webhooks replay': 'DATABASE_URL',
  'webhooks pause': 'DATABASE_URL',
  'webhooks resume': 'DATABASE_URL',
  migrate: 'DATABASE_URL',
  topology: 'DATABASE_URL, AMQP_URL with --declare, --repair, --check or --adopt; AMQP_URL with --unbind; else none',
  contract: 'none',
  token: 'JWT_SECRET, or the data folder of a dev installation',
  'direct-id': 'none',
  'check-config': 'none',
  export: 'DATABASE_URL',
  import: 'DATABASE_URL',
  'search-dictionary': 'DATABASE_URL',
  'new-store-id': 'DATABASE_URL; AMQP_URL if the broker is available',
  'dead-letters list': 'AMQP_URL',
  'dead-letters show': 'AMQP_URL',
  'dead-letters replay': 'AMQP_URL',
  'dead-letters drop': 'AMQP_URL',
  replay: 'DATABASE_URL, AMQP_URL',
  'revoke-tokens': 'DATABASE_URL',
  verify: 'DATABASE_URL',
  'policy check': 'none',
  'policy test': 'none',
  'policy explain': 'DATABASE_URL',
  'policy replay': 'DATABASE_URL',
  'policy can': 'DATABASE_URL',
};

/**
 * Does what the arguments, as in `process.argv`, ask for. What went wrong at the start is told in lines on standard
 * error, and in
 * `process.exitCode`; what nobody expected is thrown.
 */
export async function runCommandLine(argv: readonly string[]): Promise<void> {
  try {
    await commandLine().parseAsync(argv);
  } catch (error) {
    if (!(error instanceof StartupError)) throw error;
    for (const line of error.lines) console.error(`parley: ${hideCredentials(line)}`);
    process.exitCode = 1;
  }
}

function commandLine(): Command {
  const { version } = JSON.parse(readFileSync(MANIFEST, 'utf8')) as { version: string };
  const program = new Command('parley')
    .version(version, '--version', 'print the version')
    .description(
      'The message core of a chat system. Environment variables or a file .env configure it: see .env.example.',
    )
    // One line, whatever it is: a suggestion comes on a line of its own otherwise.
    .configureOutput({
      outputError: (text, write) =>
        write(
          `parley: ${text
            .replace(/^error: /, '')
            .trim()
            .replace(/\s*\n\s*/g, ' ')}\n`,
        ),
    });

  program
    .command('dev')
    .description(
      'run all roles in one process; start the services that no URL names, migrate, and print a first command',
    )
    .action(async () => (await import('../dev/dev.js')).runDev());
  for (const { name, summary } of roles)
    program
      .command(`${name} [roles...]`)
      .description(summary)
      .action(async (more: string[]) => (await import('../roles/run-roles.js')).runRoles([name, ...more]));
  program
    .command('migrate')
    .description('apply the database migrations and exit')
    .action(async () => (await import('./migrate.js')).runMigrate());
  program
    .command('topology')
    .description(
      'print the broker objects; or declare, repair, check or adopt them at AMQP_URL for the store at DATABASE_URL',
    )
    .addOption(
      new Option('--format <format>', 'output format; definitions is for rabbitmqctl import_definitions')
        .choices(['definitions', 'table'])
        .default('table'),
    )
    .option('--declare', 'declare missing objects')
    .option('--repair', 'declare missing objects, and bind the command queues to the hash exchange again')
    .option(
      '--check',
      'check for a sample of chats that commands are routed to the partition of their chat; exit 1 if not',
    )
    .option('--all', 'with --check: check all chats')
    .option('--adopt', 'move the namespace at the broker, with the commands in its queues, to this store')
    .option(
      '--unbind <queue>',
      'remove the bindings of a dispatch queue: it gets no more events and keeps those that it has',
    )
    .option('--yes', 'with --adopt: confirm, if the namespace belongs to another store')
    .action(async (options: TopologyRequest) => (await import('./topology/topology-command.js')).runTopology(options));
  program
    .command('contract')
    .description('print a document of the contract')
    .option('--asyncapi', 'messages over the broker: commands, receipts, events, dead letters; and the broker objects')
    .option('--openapi', 'the REST API')
    .option('--reference', 'messages over the broker, as Markdown')
    .option('--proto', 'gRPC services, as a .proto file')
    .option('--out <file>', 'write to a file instead')
    .action(async (options: ContractRequest) => (await import('./contract-command.js')).runContract(options));
  program
    .command('token')
    .description('print a token signed with JWT_SECRET, or with the secret that dev keeps in DATA_DIR')
    .requiredOption('--actor <id>', 'user id', userId)
    .option('--tenant <id>', 'tenant id', tenantId, DEFAULT_TENANT)
    .option('--ttl <seconds>', 'lifetime of the token', seconds, TOKEN_TTL_SECONDS)
    .action(({ actor, tenant, ttl }: { actor: string; tenant: string; ttl: number }) =>
      runToken({ actor, tenant, ttlSeconds: ttl }),
    );
  program
    .command('direct-id')
    .description('print the id of a direct chat')
    .requiredOption('--actor <id>', 'first user', userId)
    .requiredOption('--with <id>', 'second user', userId)
    .option('--tenant <id>', 'tenant id', tenantId, DEFAULT_TENANT)
    .action((options: { actor: string; with: string; tenant: string }) =>
      console.log(directChatId(options.tenant, options.actor, options.with)),
    );
  program
    .command('check-config [roles...]')
    .description('print each setting with its value and source, secrets hidden; exit 1 on a fault')
    .action(checkConfig);
  program
    .command('export')
    .description('write chats with all their data as JSON Lines; `parley import` reads them')
    .option('--chat <id>', 'one chat', chatId)
    .option('--user <id>', 'the profile of a user and all chats of the user, complete', userId)
    .option('--tenant <id>', 'tenant id', tenantId, DEFAULT_TENANT)
    .requiredOption('--out <file>', 'output file; - is standard output')
    .action(async (options: ExportRequest) => (await import('./store/export-command.js')).runExport(options));
  program
    .command('import <file>')
    .description('read an archive; existing data does not change. - is standard input')
    .action(async (file: string) => (await import('./store/import-command.js')).runImport(file));
  program
    .command('search-dictionary <name>')
    .description('find other forms of a word, by a dictionary of its language, e.g. german; none is the default')
    .action(async (name: string) => (await import('./store/search-dictionary-command.js')).runSearchDictionary(name));
  program
    .command('new-store-id')
    .description('assign a new store id, after the restore of an older backup and before any process uses it')
    .action(async () => (await import('./store/new-store-id-command.js')).runNewStoreId());

  addOperatorCommands(program);
  addRelayCommands(program);
  addWebhookCommands(program);
  addPolicyCommands(program);
  describeNeeds(program);
  return program;
}

function describeNeeds(command: Command, path = ''): void {
  for (const inner of command.commands) {
    const innerPath = `${path}${inner.name()}`;
    const needed = NEEDED_VARIABLES[innerPath];
    if (needed !== undefined) inner.addHelpText('after', `\nNeeds: ${needed}.`);
    describeNeeds(inner, `${innerPath} `);
  }
}
