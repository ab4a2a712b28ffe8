/** `parley webhooks list`, `show`, `replay`, `pause`, `resume`: what operators do about webhooks. */
import { type Command, Option } from 'commander';
import { DEFAULT_TENANT } from '../../../contract/messages/identifiers.js';
import { chatId, tenantId, webhookId } from '../command-arguments.js';
import type { ReplayRequest, ShowRequest } from './webhooks-commands.js';

export function addWebhookCommands(program: Command): void {
  const webhooks = program.command('webhooks').description('list, inspect, pause and replay webhooks');
  const ofOne = (name: string, description: string) =>
    webhooks
      .command(name)
      .argument('<id>', 'webhook id', webhookId)
      .description(description)
      .option('--tenant <id>', 'tenant id', tenantId, DEFAULT_TENANT);
  webhooks
    .command('list')
    .description('print all webhooks with their state, and what waits and is parked')
    .option('--tenant <id>', 'only those of this tenant', tenantId)
    .option('--json', 'print JSON')
    .action(async (options: { tenant?: string; json?: boolean }) =>
      (await import('./webhooks-commands.js')).runWebhooksList(options),
    );
  ofOne('show', 'print the state of a webhook, and its parked or waiting events')
    .addOption(new Option('--state <state>', 'which events').choices(['parked', 'waiting']).default('parked'))
    .option('--json', 'print JSON')
    .action(async (id: string, options: ShowRequest) =>
      (await import('./webhooks-commands.js')).runWebhooksShow(id, options),
    );
  ofOne('replay', 'deliver parked events, or the events of a chat from a sequence on, again')
    .option('--parked', 'all parked events')
    .option('--chat <id>', 'the events of this chat', chatId)
    .option('--from-sequence <n>', 'with --chat: from this sequence on')
    .action(async (id: string, options: ReplayRequest) =>
      (await import('./webhooks-commands.js')).runWebhooksReplay(id, options),
    );
  ofOne('pause', 'send nothing to the endpoint until it is resumed').action(
    async (id: string, options: { tenant: string }) =>
      (await import('./webhooks-commands.js')).runWebhooksPause(id, options, true),
  );
  ofOne('resume', 'send to the endpoint again, at once').action(async (id: string, options: { tenant: string }) =>
    (await import('./webhooks-commands.js')).runWebhooksPause(id, options, false),
  );
}
