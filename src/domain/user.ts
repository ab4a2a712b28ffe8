import type { Metadata } from './chat.js';

export type UserKind = 'human' | 'bot' | 'service';

/** Whether others may see that the user is online. */
export type Presence = 'shared' | 'hidden';

/** What services say about a user. Only the policy reads it. */
export type Claims = { [name: string]: string | number | boolean | string[] | UnreadableClaim };

/** The claim exists, but a rule cannot compare its value. */
export interface UnreadableClaim {
  unreadable: true;
}

/** A profile. A user exists as soon as a command names them; a profile is optional. */
export interface User {
  tenantId: string;
  userId: string;
  displayName: string;
  avatarUrl: string | null;
  kind: UserKind;
  metadata: Metadata;
  presence: Presence;
  claims: Claims;
  /** 1, 2, 3 …; consumers that keep profiles apply the highest. */
  revision: number;
  createdAt: Date;
  updatedAt: Date;
}

/** A user as others see them: claims are for the policy alone. */
export type Profile = Omit<User, 'claims'>;

/** Maximum length of a `nameKey` in code points: the lower case of a letter has at most two. */
export const NAME_KEY_MAX_CHARACTERS = 256;

/**
 * A name in the form in which a search compares and orders it. Lower case by Unicode, whatever the locale of the
 * database. At the end of a word, Greek has another lower case of sigma.
 */
export function nameKey(name: string): string {
  return name.normalize('NFC').toLowerCase().replaceAll('ς', 'σ');
}

/** The kind and the presence of a user without a profile. */
export const DEFAULT_USER_KIND: UserKind = 'human';
export const DEFAULT_PRESENCE: Presence = 'shared';
