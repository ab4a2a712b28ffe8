#!/usr/bin/env node
/** The one command line, `parley`. */
import { Command } from 'commander';
import { directChatId } from '../contract/direct-id.js';
import { DEFAULT_TENANT } from '../contract/identifiers.js';
import { checkConfig } from './check-config.js';
import { runDev } from './dev.js';
import { keptSecret } from './dev-secret.js';
import { runMigrate, runNewStoreId } from './migrate.js';
import { runRoles } from './run-roles.js';
import { requireSettings, StartFault } from './settings.js';
import { signActorToken } from './token-command.js';
import { runTopology, type TopologyFormat } from './topology-command.js';

const TOKEN_TTL_SECONDS = 3_600;

const program = new Command('parley')
  .description(
    'The message core of a chat system. Everything is set by environment variables (or a .env file): see .env.example.',
  )
  .showHelpAfterError();

program
  .command('dev')
  .description('all roles in one process; starts what no URL names, migrates, and prints a first command to paste')
  .action(runDev);
for (const role of ['worker', 'api'] as const)
  program
    .command(`${role} [roles...]`)
    .description(
      role === 'worker' ? 'takes commands, stores them, publishes events' : 'REST; roles combine: parley worker api',
    )
    .action((more: string[]) => runRoles([role, ...more]));
program.command('migrate').description('applies migrations and exits').action(runMigrate);
program
  .command('topology')
  .description("prints the broker's objects, or declares what is missing")
  .option('--format <format>', 'definitions (for rabbitmqctl import_definitions) or table', 'table')
  .option('--declare', 'declare them at AMQP_URL')
  .action((options: { format: TopologyFormat; declare?: boolean }) => runTopology(options));
program
  .command('token')
  .description('signs a token with JWT_SECRET')
  .requiredOption('--actor <id>', 'user id')
  .option('--tenant <id>', 'tenant id', DEFAULT_TENANT)
  .option('--ttl <seconds>', 'how long it is good for', String(TOKEN_TTL_SECONDS))
  .action(async (options: { actor: string; tenant: string; ttl: string }) => {
    const settings = requireSettings('token');
    const ttlSeconds = Number(options.ttl);
    if (!Number.isInteger(ttlSeconds) || ttlSeconds <= 0) throw new StartFault(['--ttl must be a number of seconds']);
    const secret = settings.jwtSecret ?? keptSecret(settings.dataDir);
    console.log(await signActorToken(settings, secret, { actor: options.actor, tenant: options.tenant, ttlSeconds }));
  });
program
  .command('direct-id')
  .description("a direct chat's id")
  .requiredOption('--actor <id>', 'one user')
  .requiredOption('--with <id>', 'the other one')
  .option('--tenant <id>', 'tenant id', DEFAULT_TENANT)
  .action((options: { actor: string; with: string; tenant: string }) =>
    console.log(directChatId(options.tenant, options.actor, options.with)),
  );
program
  .command('check-config')
  .description('says what each variable is and where it came from, secrets hidden; exit 1 on a fault')
  .action(checkConfig);
program
  .command('new-store-id')
  .description('draws a new store id, after restoring an older backup: event ids would repeat under the old one')
  .action(runNewStoreId);

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof StartFault)) throw error;
  for (const line of error.lines) console.error(`parley: ${line}`);
  process.exitCode = 1;
}
