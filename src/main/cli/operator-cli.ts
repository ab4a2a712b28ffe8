/** `parley dead-letters …`, `parley replay`, `parley verify`: what operators do about what went wrong. */
import { type Command, Option } from 'commander';
import { ago, chatId, count, partition, several } from './command-arguments.js';
import type { LetterListRequest } from './dead-letters/dead-letter-filters.js';
import type { DropRequest } from './dead-letters/dead-letters-drop-command.js';
import type { LetterReplayRequest } from './dead-letters/dead-letters-replay-command.js';
import type { ShowRequest } from './dead-letters/dead-letters-show-command.js';
import type { ReplayRequest } from './store/replay-command.js';
import type { VerifyRequest } from './store/verify-command.js';

/** Rows of `dead-letters list` where nothing else is asked for. */
const LIST_DEFAULT_ROWS = 100;
const REASONS = ['malformed', 'misrouted', 'poison', 'x-death'];

export function addOperatorCommands(program: Command): void {
  const letters = program
    .command('dead-letters')
    .description('what could not be answered, at AMQP_URL: looks at it, publishes it again, or throws it away');
  withFilters(
    letters
      .command('list')
      .description("what is there, and how many by reason; nothing is taken away, and nobody's words are shown")
      .option('--limit <n>', 'rows at most; all letters are counted', count, LIST_DEFAULT_ROWS)
      .option('--json', 'as JSON'),
  ).action(async (options: LetterListRequest) =>
    (await import('./dead-letters/dead-letters-list-command.js')).runDeadLettersList(options),
  );
  letters
    .command('show [message-id]')
    .description('properties, headers without tokens, size and digest of the body; the body itself only with --body')
    .option('--place <n>', 'by its place in the list, for those without a message id', count)
    .option('--body', 'prints the body too: it may hold what somebody wrote')
    .action(async (messageId: string | undefined, options: Omit<ShowRequest, 'messageId'>) =>
      (await import('./dead-letters/dead-letters-show-command.js')).runDeadLettersShow({ messageId, ...options }),
    );
  withSelection(
    letters
      .command('replay')
      .description('publishes letters as commands again, each confirmed before it leaves the queue')
      .option('--rate <n>', 'so many a second at most', count)
      .option('--dry-run', 'says what would be done'),
  ).action(async (options: LetterReplayRequest) =>
    (await import('./dead-letters/dead-letters-replay-command.js')).runDeadLettersReplay(options),
  );
  withSelection(
    letters
      .command('drop')
      .description('throws letters away')
      .option('--dry-run', 'says what would be done')
      .option('--yes', 'does not ask'),
  ).action(async (options: DropRequest) =>
    (await import('./dead-letters/dead-letters-drop-command.js')).runDeadLettersDrop(options),
  );
  program
    .command('replay')
    .description('sends committed events from the log to one queue once more; nobody else gets them')
    .option('--chat <id>', "one chat's events, by sequence", chatId)
    .option('--partition <n>', "one partition's events, by position", partition)
    .option('--from <n>', 'the first sequence or position', count)
    .option('--to <n>', 'the last one; the end of the log where it is left out', count)
    .requiredOption('--queue <name>', 'a queue that is there')
    .option('--rate <n>', 'so many a second at most', count)
    .action(async (options: ReplayRequest) => (await import('./store/replay-command.js')).runReplay(options));
  program
    .command('verify')
    .description('looks through the store for what cannot be; exit 1 if there is anything. Workers may go on meanwhile')
    .option('--chat <id>', 'one chat only', chatId)
    .option('--json', 'as JSON')
    .action(async (options: VerifyRequest) => (await import('./store/verify-command.js')).runVerify(options));
}

function withFilters(command: Command): Command {
  return command
    .addOption(new Option('--reason <reason>', 'why it is there').choices(REASONS))
    .option('--since <duration>', 'put away within the last 2h, 7d, …', ago)
    .option('--type <type>', "the command's type, e.g. message.send")
    .option('--chat <id>', 'the chat that it is about', chatId);
}

function withSelection(command: Command): Command {
  return withFilters(command)
    .option('--id <message-id>', 'this one; may be given several times', several)
    .option('--all', 'all of them: without a filter this must be said');
}
