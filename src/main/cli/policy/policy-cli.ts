/** `parley policy …`: trying a policy before it counts, and asking it why. */
import type { Command } from 'commander';
import { DEFAULT_TENANT } from '../../../contract/messages/identifiers.js';
import { ago, chatId, count, decisionId, several, tenantId, userId } from '../command-arguments.js';
import type { CanRequest } from './policy-can-command.js';
import type { ReplayRequest } from './policy-replay-command.js';

export function addPolicyCommands(program: Command): void {
  const policy = program.command('policy').description('test a policy, and explain decisions');
  policy
    .command('check [file]')
    .description(
      'read a policy (default: POLICY_FILE, else the default policy) and print its faults with line and column',
    )
    .action(async (file?: string) => (await import('./policy-check-command.js')).runPolicyCheck(file));
  policy
    .command('test <cases>')
    .description('check a policy against test cases in a file or a folder; every rule needs cases with both results')
    .option('--policy <file>', 'policy file; default: POLICY_FILE, else the default policy')
    .action(async (cases: string, options: { policy?: string }) =>
      (await import('./policy-test-command.js')).runPolicyTest(cases, options),
    );
  policy
    .command('explain')
    .description('explain a decision: the rule that decided it, or the conditions that did not hold')
    .argument('<decisionId>', 'decisionId of a receipt or a problem document', decisionId)
    .action(async (id: string) => (await import('./policy-explain-command.js')).runPolicyExplain(id));
  policy
    .command('replay')
    .description('decide recorded decisions again with another policy, and list the changes')
    .requiredOption('--policy <file>', 'the draft of a policy')
    .requiredOption('--since <duration>', 'decisions of the last 24h, 7d, …', ago)
    .option('--limit <number>', 'maximum number of decisions, the earliest first', count)
    .option('--json', 'print JSON')
    .action(async (options: ReplayRequest) => (await import('./policy-replay-command.js')).runPolicyReplay(options));
  policy
    .command('can')
    .description('say whether a user may do something now; exit 0: yes, 3: no')
    .requiredOption('--actor <id>', 'user id', userId)
    .requiredOption('--do <action>', 'action, such as message.send')
    .option('--chat <id>', 'chat id', chatId)
    .option('--tenant <id>', 'tenant id', tenantId, DEFAULT_TENANT)
    .option('--policy <file>', 'policy file; default: POLICY_FILE, else the default policy')
    .option(
      '--attribute <name=value>',
      'additional or replaced attribute, such as message.isSender=true; can be repeated',
      several,
    )
    .action(async (options: CanRequest) => (await import('./policy-can-command.js')).runPolicyCan(options));
}
