import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { hideCredentials } from '../logging/hide-credentials.js';

/** One environment variable: its name, its parser and its default. */
export interface Variable<T> {
  readonly name: string;
  /** Throws an Error whose message completes "<NAME> …", e.g. "must be a port (0 to 65535)". */
  readonly parse: (text: string) => T;
  /** In the notation of the variable, e.g. `24h`. */
  readonly default?: string;
  /** One line of text for the operator. */
  readonly describe: string;
  /** Its value is never shown. */
  readonly secret?: boolean;
}

export type ValueSource = 'environment' | '.env' | 'default' | 'unset';

export interface ConfigEntry {
  readonly name: string;
  readonly source: ValueSource;
  /** As written, with passwords in URLs masked. `(hidden)` for a secret. Empty if unset. */
  readonly shown: string;
  readonly describe: string;
}

/** A variable without a default may be unset. */
export type ValueOf<V> = V extends { parse: (text: string) => infer T; default: string }
  ? T
  : V extends { parse: (text: string) => infer T }
    ? T | undefined
    : never;

/** A set of variables by the name of their setting. */
export type Variables = Readonly<Record<string, Variable<unknown>>>;

export type Values<D> = { readonly [K in keyof D]: ValueOf<D[K]> };

export interface ReadConfig<D> {
  /** The values that could be read. Do not use them if there are faults. */
  readonly values: Values<D>;
  readonly entries: readonly ConfigEntry[];
  /** One line each. */
  readonly faults: readonly string[];
}

export interface ConfigSources {
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Default: `.env` in the working folder. A missing file is fine. The environment has precedence. */
  readonly file?: string;
}

/** Declares a variable and keeps the types of its default and parser. */
export function variable<const V extends Variable<unknown>>(declaration: V): V {
  return declaration;
}

/**
 * Reads every declared variable and collects all faults instead of stopping at the first. An empty value counts as
 * unset.
 */
export function readConfig<const D extends Variables>(declarations: D, sources: ConfigSources = {}): ReadConfig<D> {
  const environment = sources.environment ?? process.env;
  const file = readEnvFile(sources.file ?? '.env');
  const values: Record<string, unknown> = {};
  const entries: ConfigEntry[] = [];
  const faults: string[] = [];
  for (const [key, declaration] of Object.entries<Variable<unknown>>(declarations)) {
    const { name, secret = false, describe } = declaration;
    const [source, text] = find(declaration, environment, file);
    const shown = secret && text !== '' ? '(hidden)' : hideCredentials(text);
    entries.push({ name, source, shown, describe });
    if (source === 'unset') continue;
    try {
      values[key] = declaration.parse(text);
    } catch (error) {
      const value = secret ? '' : ` "${shown}"`;
      const origin = source === '.env' ? ' (from .env)' : '';
      faults.push(`${name}${value} ${(error as Error).message}${origin}`);
    }
  }
  return { values: values as Values<D>, entries, faults };
}

function find(
  declaration: Variable<unknown>,
  environment: Readonly<Record<string, string | undefined>>,
  file: Readonly<Record<string, string | undefined>>,
): [ValueSource, string] {
  const fromEnvironment = environment[declaration.name]?.trim();
  if (fromEnvironment) return ['environment', fromEnvironment];
  const fromFile = file[declaration.name]?.trim();
  if (fromFile) return ['.env', fromFile];
  return declaration.default === undefined ? ['unset', ''] : ['default', declaration.default];
}

function readEnvFile(path: string): Readonly<Record<string, string | undefined>> {
  try {
    return parseEnv(readFileSync(path, 'utf8')) as Record<string, string>;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return {};
    throw error;
  }
}
