/** The stores that `STORE` selects. To add a store: its file, and its name in this list. */
import { variablesOf } from '../settings/variables-of.js';
import { memory } from './memory.js';
import { postgres } from './postgres.js';
import type { StoreKind } from './store.js';

const kinds = [postgres, memory] as const;

export type StoreName = (typeof kinds)[number]['name'];
export const storeNames: readonly StoreName[] = kinds.map(({ name }) => name);
export const storeVariables = variablesOf(kinds);

/** A store without the types of its own settings: it is opened with the settings of all stores. */
export type AnyStoreKind = Omit<StoreKind<StoreName, typeof storeVariables>, 'variables'>;
export const storeKinds: readonly AnyStoreKind[] = kinds;

export function storeKind(name: StoreName): AnyStoreKind {
  const kind = storeKinds.find((each) => each.name === name);
  if (kind === undefined) throw new Error(`unknown store ${name}`);
  return kind;
}
