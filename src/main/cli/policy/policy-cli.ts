/** `parley policy …`: trying a policy before it counts, and asking it why. */
import type { Command } from 'commander';
import { DEFAULT_TENANT } from '../../../contract/messages/identifiers.js';
import { ago, chatId, count, decisionId, several, tenantId, userId } from '../command-arguments.js';
import type { CanRequest } from './policy-can-command.js';
import type { ReplayRequest } from './policy-replay-command.js';

export function addPolicyCommands(program: Command): void {
  const policy = program
    .command('policy')
    .description('tries a policy before it counts, and says why something was decided');
  policy
    .command('check [file]')
    .description(
      'reads a policy (POLICY_FILE or ours where none is named) and says what is wrong with it, by line and column',
    )
    .action(async (file?: string) => (await import('./policy-check-command.js')).runPolicyCheck(file));
  policy
    .command('test <cases>')
    .description(
      'tries a policy against decision tables, a file or a folder of them; every rule must be held up by a case',
    )
    .option('--policy <file>', 'another policy than POLICY_FILE or ours')
    .action(async (cases: string, options: { policy?: string }) =>
      (await import('./policy-test-command.js')).runPolicyTest(cases, options),
    );
  policy
    .command('explain')
    .description('says why something was decided: by which rule, or what would have had to be otherwise')
    .argument('<decisionId>', 'as in receipts and problems', decisionId)
    .action(async (id: string) => (await import('./policy-explain-command.js')).runPolicyExplain(id));
  policy
    .command('replay')
    .description('decides again, with another policy, what was decided, and lists what would flip')
    .requiredOption('--policy <file>', 'the draft')
    .requiredOption('--since <duration>', 'decisions made since so long ago: 24h', ago)
    .option('--limit <number>', 'look at no more decisions than this, the earliest', count)
    .option('--json', 'print JSON')
    .action(async (options: ReplayRequest) => (await import('./policy-replay-command.js')).runPolicyReplay(options));
  policy
    .command('can')
    .description('says whether somebody may do something, as things are now; exit 0: yes, 3: no')
    .requiredOption('--actor <id>', 'user id', userId)
    .requiredOption('--do <action>', 'such as message.send')
    .option('--chat <id>', 'where', chatId)
    .option('--tenant <id>', 'tenant id', tenantId, DEFAULT_TENANT)
    .option('--policy <file>', 'instead of POLICY_FILE')
    .option(
      '--attribute <name=value>',
      'what else is so, or would be: message.isSender=true; may be given again',
      several,
    )
    .action(async (options: CanRequest) => (await import('./policy-can-command.js')).runPolicyCan(options));
}
