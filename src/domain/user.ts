import type { Metadata } from './chat.js';

export type UserKind = 'human' | 'bot' | 'service';

/** What services say about a user for the policy to go by; nothing else looks at it. */
export type Claims = { [name: string]: string | number | boolean | string[] | UnreadableClaim };

/** It is there, and nothing that a rule could compare with: what is in it is unknown. */
export interface UnreadableClaim {
  unreadable: true;
}

/** A profile. Users exist by being named: nothing requires one. */
export interface User {
  tenantId: string;
  userId: string;
  displayName: string;
  avatarUrl: string | null;
  kind: UserKind;
  metadata: Metadata;
  claims: Claims;
  /** 1, 2, 3 …; whoever keeps profiles applies the highest. */
  revision: number;
  createdAt: Date;
  updatedAt: Date;
}

/** What is taken for granted of a user without a profile. */
export const DEFAULT_USER_KIND: UserKind = 'human';
