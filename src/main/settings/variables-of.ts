import type { Variables } from '../../infrastructure/config/config.js';

type Intersection<U> = (U extends unknown ? (each: U) => void : never) extends (all: infer I) => void ? I : never;

/** The variables that roles, stores or transports declare, as one declaration. */
export function variablesOf<const P extends readonly { readonly variables: Variables }[]>(
  parts: P,
): Intersection<P[number]['variables']> {
  return Object.assign({}, ...parts.map(({ variables }) => variables)) as Intersection<P[number]['variables']>;
}
