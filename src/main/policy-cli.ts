/** `parley policy …`: trying a policy before it counts, and asking it why. */
import type { Command } from 'commander';

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
}
