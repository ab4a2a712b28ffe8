/** The transports that `TRANSPORT` selects. To add a transport: its file, and its name in this list. */
import { variablesOf } from '../settings/variables-of.js';
import { amqp } from './amqp.js';
import { inProcess } from './in-process.js';
import type { TransportKind } from './transport.js';

const kinds = [amqp, inProcess] as const;

export type TransportName = (typeof kinds)[number]['name'];
export const transportNames: readonly TransportName[] = kinds.map(({ name }) => name);
export const transportVariables = variablesOf(kinds);

/** The transport of the roles if `TRANSPORT` is not set. */
export const DEFAULT_TRANSPORT: TransportName = 'amqp';

/** A transport without the types of its own settings: it is opened with the settings of all transports. */
export type AnyTransportKind = Omit<TransportKind<TransportName, typeof transportVariables>, 'variables'>;
export const transportKinds: readonly AnyTransportKind[] = kinds;

export function transportKind(name: TransportName): AnyTransportKind {
  const kind = transportKinds.find((each) => each.name === name);
  if (kind === undefined) throw new Error(`unknown transport ${name}`);
  return kind;
}
