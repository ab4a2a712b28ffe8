/** `parley dead-letters …`, `replay`, `revoke-tokens`, `verify`: what operators do about what went wrong. */
import { type Command, Option } from 'commander';
import { DEFAULT_TENANT } from '../../contract/messages/identifiers.js';
import { ago, chatId, count, instant, partition, several, tenantId, userId } from './command-arguments.js';
import type { LetterListRequest } from './dead-letters/dead-letter-filters.js';
import type { DropRequest } from './dead-letters/dead-letters-drop-command.js';
import type { LetterReplayRequest } from './dead-letters/dead-letters-replay-command.js';
import type { ShowRequest } from './dead-letters/dead-letters-show-command.js';
import type { ReplayRequest } from './store/replay-command.js';
import type { RevokeTokensRequest } from './store/revoke-tokens-command.js';
import type { VerifyRequest } from './store/verify-command.js';

/** Rows of `dead-letters list` where nothing else is asked for. */
const LIST_DEFAULT_ROWS = 100;
const REASONS = ['malformed', 'misrouted', 'poison', 'x-death'];

export function addOperatorCommands(program: Command): void {
  const letters = program
    .command('dead-letters')
    .description('list, show, replay or drop the dead letters at AMQP_URL');
  withFilters(
    letters
      .command('list')
      .description('list dead letters and count them by reason, without removing them or showing bodies')
      .option('--limit <n>', 'maximum number of rows; all dead letters are counted', count, LIST_DEFAULT_ROWS)
      .option('--json', 'print JSON'),
  ).action(async (options: LetterListRequest) =>
    (await import('./dead-letters/dead-letters-list-command.js')).runDeadLettersList(options),
  );
  letters
    .command('show [message-id]')
    .description('print properties, headers without tokens, and size and digest of the body')
    .option('--place <n>', 'place in the list, for a dead letter without a message id', count)
    .option('--body', 'also print the body, which may contain what a user wrote')
    .action(async (messageId: string | undefined, options: Omit<ShowRequest, 'messageId'>) =>
      (await import('./dead-letters/dead-letters-show-command.js')).runDeadLettersShow({ messageId, ...options }),
    );
  withSelection(
    letters
      .command('replay')
      .description('publish dead letters as commands again; each is confirmed before it leaves the queue')
      .option('--rate <n>', 'maximum number per second', count)
      .option('--dry-run', 'only print what would be done'),
  ).action(async (options: LetterReplayRequest) =>
    (await import('./dead-letters/dead-letters-replay-command.js')).runDeadLettersReplay(options),
  );
  withSelection(
    letters
      .command('drop')
      .description('delete dead letters')
      .option('--dry-run', 'only print what would be done')
      .option('--yes', 'do not ask for confirmation'),
  ).action(async (options: DropRequest) =>
    (await import('./dead-letters/dead-letters-drop-command.js')).runDeadLettersDrop(options),
  );
  program
    .command('replay')
    .description('publish committed events from the log to one queue again; no other consumer gets them')
    .option('--chat <id>', 'events of one chat, by sequence number', chatId)
    .option('--partition <n>', 'events of one partition, by log position', partition)
    .option('--from <n>', 'first sequence number or position', count)
    .option('--to <n>', 'last sequence number or position; default: the end of the log', count)
    .requiredOption('--queue <name>', 'an existing queue')
    .option('--rate <n>', 'maximum number per second', count)
    .action(async (options: ReplayRequest) => (await import('./store/replay-command.js')).runReplay(options));
  program
    .command('revoke-tokens')
    .description('refuse the tokens that a user has now; connections end, and new tokens are accepted')
    .requiredOption('--user <id>', 'user id', userId)
    .option('--tenant <id>', 'tenant id', tenantId, DEFAULT_TENANT)
    .option('--issued-before <time>', 'tokens issued before this time (RFC 3339); default: now', instant)
    .action(async (options: RevokeTokensRequest) =>
      (await import('./store/revoke-tokens-command.js')).runRevokeTokens(options),
    );
  program
    .command('verify')
    .description('check the store for violated invariants; exit 1 if there are any. Workers can keep running')
    .option('--chat <id>', 'check one chat', chatId)
    .option('--json', 'print JSON')
    .action(async (options: VerifyRequest) => (await import('./store/verify-command.js')).runVerify(options));
}

function withFilters(command: Command): Command {
  return command
    .addOption(new Option('--reason <reason>', 'reason of the dead letter').choices(REASONS))
    .option('--since <duration>', 'dead-lettered within this time: 2h, 7d, …', ago)
    .option('--type <type>', 'type of the command, e.g. message.send')
    .option('--chat <id>', 'chat of the command', chatId);
}

function withSelection(command: Command): Command {
  return withFilters(command)
    .option('--id <message-id>', 'message id; can be repeated', several)
    .option('--all', 'all dead letters; required without a filter');
}
