/** Parses `--OPTION NAME=VALUE`, which may be repeated. Throws an error of one line for other forms. */
export function readSettings(option: string, given: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    given.map((text) => {
      const [, name, value] = /^(\w+)=(.+)$/.exec(text) ?? [];
      if (name === undefined || value === undefined) throw new Error(`--${option} wants NAME=VALUE, not ${text}`);
      return [name, value];
    }),
  );
}

/** Null: all settings have their defaults. */
export function namedSettings(settings: Readonly<Record<string, string>>): string | null {
  const named = Object.entries(settings).map(([name, value]) => `${name} = ${value}`);
  return named.length === 0 ? null : named.join(', ');
}
