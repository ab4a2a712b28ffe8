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

/** The kind and the presence of a user without a profile. */
export const DEFAULT_USER_KIND: UserKind = 'human';
export const DEFAULT_PRESENCE: Presence = 'shared';
