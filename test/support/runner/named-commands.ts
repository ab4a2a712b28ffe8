/** Runs a command by its name: `npm run proof -- sim --seeds 100`. */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';

export interface NamedCommand {
  /** One line with its purpose and duration. */
  about: string;
  /** Arguments of `node`, followed by the arguments after the name. */
  run: readonly string[];
  env?: Readonly<Record<string, string>>;
}

export interface Runner {
  /** The command line before the name, such as `npm run proof --`. */
  usage: string;
  commands: Readonly<Record<string, NamedCommand>>;
  /** The command that runs if the first argument is an option or absent. Null: prints the list. */
  fallback: string | null;
}

const SIGNAL_EXIT_BASE = 128;

/** @returns the exit code: that of the command, 0 for `--list` and `--help`, 2 for a name that does not exist */
export async function runNamed({ usage, commands, fallback }: Runner, args: readonly string[]): Promise<number> {
  const [first, ...rest] = args;
  const list = () => {
    const width = Math.max(...Object.keys(commands).map((name) => name.length));
    return Object.entries(commands).map(([name, { about }]) => `  ${name.padEnd(width)}  ${about}`);
  };
  const help = [`Usage: ${usage} NAME [options]   (NAME --help lists the options of one)`, '', ...list()].join('\n');
  if (first === '--list') {
    console.log(list().join('\n'));
    return 0;
  }
  if (first === '--help' || (first === undefined && fallback === null)) {
    console.log(help);
    return 0;
  }
  const isNamed = first !== undefined && !first.startsWith('-');
  const name = isNamed ? first : fallback;
  const command = name === null ? undefined : commands[name];
  if (command === undefined) {
    console.error(`there is no ${name ?? first}\n\n${help}`);
    return 2;
  }
  return spawned(command, isNamed ? rest : args);
}

function spawned({ run, env }: NamedCommand, args: readonly string[]): Promise<number> {
  const child = spawn(process.execPath, [...run, ...args], { stdio: 'inherit', env: { ...process.env, ...env } });
  // Ctrl-C reaches the child directly. Signals to this process alone are passed on.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill(signal));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) =>
      resolve(code ?? SIGNAL_EXIT_BASE + (signal === null ? 0 : constants.signals[signal])),
    );
  });
}
