/** `parley relay status`, `parked`, `retry`, `rebuild`: what operators do about log consumers. */
import type { Command } from 'commander';

export function addRelayCommands(program: Command): void {
  const relay = program.commands.find((command) => command.name() === 'relay') ?? program.command('relay');
  relay
    .command('status')
    .description('print the cursor, lag, owner and parked events of each log consumer and partition')
    .option('--json', 'print JSON')
    .action(async (options: { json?: boolean }) => (await import('./relay-commands.js')).runRelayStatus(options));
  relay
    .command('parked <consumer>')
    .description('list the events that a log consumer refused, by their place in the log')
    .option('--json', 'print JSON')
    .action(async (consumer: string, options: { json?: boolean }) =>
      (await import('./relay-commands.js')).runRelayParked(consumer, options),
    );
  relay
    .command('retry <consumer>')
    .description('deliver the parked events of a log consumer again')
    .action(async (consumer: string) => (await import('./relay-commands.js')).runRelayRetry(consumer));
  relay
    .command('rebuild <consumer>')
    .description('deliver the whole log to a log consumer again, from the beginning')
    .option('--yes', 'confirm')
    .action(async (consumer: string, options: { yes?: boolean }) =>
      (await import('./relay-commands.js')).runRelayRebuild(consumer, options),
    );
}
