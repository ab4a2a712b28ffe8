/** Which variables a role or a command cannot do without: checked at the start, and shown by `--help`. */

export interface Need<S = unknown> {
  /** One of these variables must be set. */
  readonly anyOf: readonly string[];
  /** The condition under which this holds. If absent: always. */
  readonly when?: {
    /** As in `COMMAND_AUTH=jwt`. */
    readonly text: string;
    holds(settings: S): boolean;
  };
}

export const DATABASE: Need = { anyOf: ['DATABASE_URL'] };
export const BROKER: Need = { anyOf: ['AMQP_URL'] };
/** The keys that verify tokens. */
export const TOKEN_KEYS: Need = { anyOf: ['JWT_SECRET', 'JWT_JWKS_URL'] };

/** One line for each need that is not met. */
export function missing<S>(needs: readonly Need<S>[], settings: S, isGiven: (name: string) => boolean): string[] {
  return needs
    .filter(({ when }) => when === undefined || when.holds(settings))
    .filter(({ anyOf }) => !anyOf.some(isGiven))
    .map(({ anyOf }) => `${anyOf.join(' or ')} is required`);
}

/** For the help: `DATABASE_URL, AMQP_URL; with COMMAND_AUTH=jwt also JWT_SECRET or JWT_JWKS_URL`. */
export function needsText<S>(needs: readonly Need<S>[]): string {
  const always = needs.filter(({ when }) => when === undefined).map(({ anyOf }) => anyOf.join(' or '));
  const sometimes = needs.flatMap(({ anyOf, when }) =>
    when === undefined ? [] : [`with ${when.text} also ${anyOf.join(' or ')}`],
  );
  return [always.length === 0 ? 'none' : always.join(', '), ...sometimes].join('; ');
}
